//! The main job in two real windows, the service stopped in the middle; see `cairn_tests::story`.

use cairn_tests::story;
use cairn_tests::window::screens;

#[tokio::test]
async fn two_specialists_work_apart_and_come_together() {
    story::tell(&screens().unwrap(), &|line| println!("{line}")).await.unwrap();
}

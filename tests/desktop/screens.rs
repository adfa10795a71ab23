//! Every screen and overlay in both themes; see `cairn_tests::tour` for the list.

use cairn_tests::desk::Theme;
use cairn_tests::tour;
use cairn_tests::window::screens;

#[tokio::test]
async fn every_screen_in_light() {
    tour::make(Theme::Light, &screens().unwrap()).await.unwrap();
}

#[tokio::test]
async fn every_screen_in_dark() {
    tour::make(Theme::Dark, &screens().unwrap()).await.unwrap();
}

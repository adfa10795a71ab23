//! Installing a package: the one place that knows the updater plugin and how this copy came here.

use cairn_app::error::fault;
use cairn_app::updates::{Release, Rules};
use cairn_protocol::updates::target;
use semver::Version;
use tauri::utils::config::BundleType;
use tauri::utils::platform::bundle_type;
use tauri::{AppHandle, Config, Runtime};
use tauri_plugin_updater::UpdaterExt as _;

use crate::updates::{Install, Off, Way};

/// Public half of the key in `tests/keys`, whose secret half everybody has: good for development
/// builds only. `cargo xtask bundle --release-key` puts the makers' key in its place.
const DEVELOPMENT_KEY: &str = include_str!("../../tests/keys/development.pub");

/// The plugin wants an address; it is never asked, since we fetch within our own limits.
const NOBODY: &str = "https://releases.invalid/";

/// How this copy updates itself, or why it does not.
///
/// # Errors
/// The reason.
pub fn way<R: Runtime>(app: &AppHandle<R>) -> std::result::Result<Way, Off> {
    let package = bundle_type().and_then(package_name).ok_or(Off::NotPackaged)?;
    let key = release_key(app.config()).ok_or(Off::NoReleaseKey)?;
    let running = app.package_info().version.to_string();
    let running = Version::parse(&running).map_err(|_| Off::NotPackaged)?;
    let target = target(std::env::consts::OS, std::env::consts::ARCH, package);
    Ok(Way { rules: Rules { key, target, running }, install: by_plugin(app.clone()) })
}

/// The packages that the plugin can put in the place of this copy.
fn package_name(bundle: BundleType) -> Option<&'static str> {
    match bundle {
        BundleType::Deb => Some("deb"),
        BundleType::Rpm => Some("rpm"),
        BundleType::AppImage => Some("appimage"),
        BundleType::App | BundleType::Dmg => Some("app"),
        BundleType::Msi => Some("msi"),
        BundleType::Nsis => Some("nsis"),
    }
}

/// The key in `plugins.updater` of `tauri.conf.json`; in a release build, only one of one's own.
fn release_key(config: &Config) -> Option<String> {
    let key = config.plugins.0.get("updater")?.get("pubkey")?.as_str()?;
    let anybodys = key.trim() == DEVELOPMENT_KEY.trim();
    (cfg!(debug_assertions) || !anybodys).then(|| key.to_owned())
}

/// The plugin checks the package's signature and the version in it once more, then asks the system.
fn by_plugin<R: Runtime>(app: AppHandle<R>) -> Install {
    Box::new(move |release: &Release, package: &[u8]| {
        let failed = |error: tauri_plugin_updater::Error| {
            fault(
                "update_not_installed",
                format!("The system did not install it: {error}. Cairn is as it was."),
            )
        };
        let nothing = || fault("update_downgrade", "It is not newer than what runs. Nothing was installed.");
        let endpoints = vec![NOBODY.parse().map_err(|_| nothing())?];
        let updater = app.updater_builder().endpoints(endpoints).and_then(|b| b.build()).map_err(failed)?;
        let update = updater.restore_update(release.for_plugin()).map_err(failed)?.ok_or_else(nothing)?;
        update.install(package).map_err(failed)
    })
}

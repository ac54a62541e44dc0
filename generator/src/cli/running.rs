//! An app as it would run here: what it has compiled in, its settings, and its broker.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use karafka::{
    broker::Beacon,
    foreign,
    manifest::Manifest,
    settings::{Clients, DEVELOPMENT, Flags, OptionError, SettingError, Settings},
};
use karafka_generator::{compiled::compiled_in, model::Model, workspace::package_version};

use super::{
    App, Shell, host,
    surroundings::{self, Above},
};

/// An app, resolved, and ready to be looked at from outside.
pub(crate) struct RunningApp {
    /// The app's folder, absolute, as the app itself knows it.
    pub(crate) root: PathBuf,
    pub(crate) model: Model,
    pub(crate) manifest: &'static Manifest,
}

impl RunningApp {
    /// The app that `--app` or the current folder names; `None` when its manifest has errors, which have been shown.
    pub(crate) fn find(shell: &Shell) -> anyhow::Result<Option<Self>> {
        let app = App::find(shell)?;
        let Some(model) = app.model(shell)? else { return Ok(None) };
        let root = fs::canonicalize(&app.root)
            .with_context(|| format!("the folder `{}` cannot be found", foreign::path(&app.root)))?;
        let version = version(&root).unwrap_or_else(|| "(no Cargo.toml)".to_owned());
        let manifest = compiled_in(&model, &version, &root.to_string_lossy());
        Ok(Some(Self { root, model, manifest }))
    }

    /// The app's settings as far as they can be read, and what is wrong with them.
    pub(crate) fn examine(&self, brokers: Option<&str>) -> (Settings, Vec<SettingError>) {
        self.examine_for(Clients::All, brokers)
    }

    fn examine_for(&self, clients: Clients, brokers: Option<&str>) -> (Settings, Vec<SettingError>) {
        // Whoever calls `karafka` sits in front of the app's files.
        let brokers = brokers.map(str::to_owned);
        let flags = Flags { brokers, default_environment: Some(DEVELOPMENT), ..Flags::default() };
        let (settings, mut errors) = Settings::examine(self.manifest, &variables(), &flags);
        let settings = settings.for_clients(clients);
        errors.retain(|error| error.concerns(clients));
        let options = settings.check_options().err().unwrap_or_default();
        // The app may have been compiled with a feature that this command was compiled without.
        let is_here = |error: &SettingError| {
            !matches!(error, SettingError::Option { error: OptionError::NotCompiledIn { .. }, .. })
        };
        errors.extend(options.into_iter().filter(is_here));
        (settings, errors)
    }

    /// The app's settings for whoever only sends; what is wrong with them is an error, except where Redis is, and what a
    /// group's client does not start with: only the app itself goes there.
    pub(crate) fn settings(&self, brokers: Option<&str>) -> anyhow::Result<Settings> {
        let (settings, mut errors) = self.examine_for(Clients::Producer, brokers);
        errors.retain(|error| match error {
            SettingError::NoRedis { .. } => false,
            SettingError::Wrong { key, .. } | SettingError::Expand { key, .. } => !key.starts_with("redis."),
            _ => true,
        });
        if errors.is_empty() {
            return Ok(if settings.brokers.is_some() { settings } else { settings.for_embedded_broker() });
        }
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        bail!("{}", errors.join("\nerror: "))
    }

    /// Where Kafka is: the settings say, or a broker for development runs.
    pub(crate) fn brokers(&self, settings: &Settings) -> anyhow::Result<String> {
        if let Some(brokers) = &settings.brokers {
            return Ok(brokers.clone());
        }
        match Beacon::find(&self.root) {
            Ok(Some(beacon)) => Ok(beacon.address),
            Err(distrust) => bail!("{distrust}\n  delete it, or name a broker: KARAFKA_BROKERS=host:port"),
            Ok(None) => {
                let start = match host::is_program(&self.root) {
                    true => "start the app (`cargo run`), or only a broker (`karafka broker`), in another terminal",
                    // The program brings none.
                    false => "start a broker (`karafka broker`) in another terminal",
                };
                bail!("no broker runs for {}\n  {start}\n  or name one: KARAFKA_BROKERS=host:port", self.manifest.app)
            }
        }
    }
}

/// The process's environment; what is not UTF-8 is left out.
pub(crate) fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The version of the app at `root`, its own or its workspace's.
fn version(root: &Path) -> Option<String> {
    let above = Above::of(root);
    package_version(&surroundings::text(root)?, above.as_ref().map(|above| &above.workspace))
}

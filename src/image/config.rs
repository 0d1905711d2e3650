//! The image configuration (image-spec config.md): what runs, as whom, where, and what the layers are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oci_spec::image::{Config, History, ImageConfiguration, Os, RootFs};

use super::error::Error;
use super::layer::Layer;
use crate::platform::{Architecture, DEFAULT_PATH};

/// What an image says about how it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `UID:GID` or a name that the image's passwd has; empty for root.
    pub user: String,
    /// Environment; `PATH` is set to [`DEFAULT_PATH`] where it is not among it.
    pub env: BTreeMap<String, String>,
    /// The command, or the entry point's arguments.
    pub cmd: Vec<String>,
    /// What is put before the command.
    pub entrypoint: Vec<String>,
    /// The folder to start in; empty for the root.
    pub workdir: String,
    /// Ports with their protocol: `8000/tcp`.
    pub ports: BTreeSet<String>,
    /// Labels of the configuration.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Folders that engines put volumes on.
    pub volumes: BTreeSet<String>,
    /// `SIGTERM` and the like, where it is not left to the engine.
    pub stop_signal: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
}

/// The configuration as the bytes that its digest is of.
pub(super) fn encode(settings: &Settings, architecture: Architecture, layers: &[Layer]) -> Result<Vec<u8>, Error> {
    let created = timestamp(settings.created);
    let mut env = settings.env.clone();
    env.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    let mut config = Config::default();
    config
        .set_user(some(&settings.user))
        .set_env(Some(env.iter().map(|(name, value)| format!("{name}={value}")).collect()))
        .set_cmd(some_list(settings.cmd.iter()))
        .set_entrypoint(some_list(settings.entrypoint.iter()))
        .set_working_dir(some(&settings.workdir))
        .set_exposed_ports(some_list(settings.ports.iter()))
        .set_volumes(some_list(settings.volumes.iter()))
        .set_labels(some_map(&settings.labels))
        .set_stop_signal(settings.stop_signal.clone());
    let mut rootfs = RootFs::default();
    rootfs.set_diff_ids(layers.iter().map(|layer| layer.diff_id.to_oci()).collect());
    let history = layers
        .iter()
        .map(|layer| {
            let mut history = History::default();
            history.set_created(Some(created.clone())).set_created_by(Some(format!("apkbuild: {}", layer.title)));
            history
        })
        .collect();
    let mut image = ImageConfiguration::default();
    image
        .set_created(Some(created))
        .set_architecture(architecture.oci())
        .set_variant(architecture.variant().map(str::to_owned))
        .set_os(Os::Linux)
        .set_config(Some(config))
        .set_rootfs(rootfs)
        .set_history(Some(history));
    canonical("configuration", &image)
}

/// Seconds since 1970 as RFC 3339 in UTC; what no calendar holds becomes the nearest that one does.
pub fn timestamp(seconds: i64) -> String {
    let nearest = if seconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_second(seconds).unwrap_or(nearest).to_string()
}

/// `value` as JSON without white space and with the keys of every object in order: the same value gives the same bytes,
/// though the types of oci-spec hold unordered maps.
pub fn canonical(document: &'static str, value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let broken = |source| Error::Json { document, source };
    let mut value = serde_json::to_value(value).map_err(broken)?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(broken)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn some_list<'text>(texts: impl ExactSizeIterator<Item = &'text String>) -> Option<Vec<String>> {
    (texts.len() > 0).then(|| texts.cloned().collect())
}

/// Annotations and labels as oci-spec wants them; nothing at all for none.
pub(super) fn some_map(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use oci_spec::image::MediaType;

    use super::super::layer::Blob;
    use super::*;
    use crate::digest::Sha256Digest;

    #[test]
    fn a_configuration_is_the_same_bytes_every_time() {
        let settings = Settings {
            user: "1001:1001".to_owned(),
            env: BTreeMap::from([("B".to_owned(), "2".to_owned()), ("A".to_owned(), "1".to_owned())]),
            cmd: vec!["python3".to_owned(), "app.py".to_owned()],
            workdir: "/app".to_owned(),
            ports: BTreeSet::from(["8000/tcp".to_owned(), "53/udp".to_owned()]),
            labels: BTreeMap::from([("y".to_owned(), "1".to_owned()), ("x".to_owned(), "2".to_owned())]),
            volumes: BTreeSet::from(["/data".to_owned()]),
            stop_signal: Some("SIGINT".to_owned()),
            created: 1_700_000_000,
            ..Settings::default()
        };
        let layer = Layer {
            title: "application".to_owned(),
            diff_id: Sha256Digest::of(b"tar"),
            tar_size: 3,
            media_type: MediaType::ImageLayerGzip,
            blob: Blob::from(b"gz".to_vec()),
            segments: Vec::new(),
        };
        let bytes = encode(&settings, Architecture::Armv7, &[layer]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let diff_id = Sha256Digest::of(b"tar");
        assert_eq!(
            text,
            format!(
                r#"{{"architecture":"arm","config":{{"Cmd":["python3","app.py"],"Env":["A=1","B=2","PATH={DEFAULT_PATH}"],"#
            ) + r#""ExposedPorts":{"53/udp":{},"8000/tcp":{}},"Labels":{"x":"2","y":"1"},"StopSignal":"SIGINT","User":"1001:1001","#
                + r#""Volumes":{"/data":{}},"WorkingDir":"/app"},"created":"2023-11-14T22:13:20Z","#
                + r#""history":[{"created":"2023-11-14T22:13:20Z","created_by":"apkbuild: application"}],"os":"linux","#
                + &format!(r#""rootfs":{{"diff_ids":["sha256:{diff_id}"],"type":"layers"}},"variant":"v7"}}"#)
        );
    }

    #[test]
    fn a_path_that_was_given_stays() {
        let settings =
            Settings { env: BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]), ..Settings::default() };
        let bytes = encode(&settings, Architecture::X86_64, &[]).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["config"], serde_json::json!({ "Env": ["PATH=/bin"] }));
        assert_eq!(value["created"], "1970-01-01T00:00:00Z");
    }
}

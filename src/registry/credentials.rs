//! Credentials as docker and podman keep them: files, and helper programs that those files name.
//!
//! Order and keys are containers-auth.json(5)'s, then docker's `config.json`. A secret is never printed, and a file
//! that cannot be read as JSON is an error: silently being nobody would tell the user the wrong thing.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Error;

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An account.
    Password {
        /// Its name.
        user: String,
        /// Its password, or a token in place of one.
        password: String,
    },
    /// A token that others are got with.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials({})", self.account())
    }
}

impl Credentials {
    /// The account's name, for messages.
    pub fn account(&self) -> &str {
        match self {
            Self::Password { user, .. } => user,
            Self::IdentityToken(_) => "the holder of the identity token",
        }
    }
}

/// Bytes of the largest file of credentials.
const LARGEST: u64 = 1 << 20;

/// The files in which credentials are looked for, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialFiles(pub Vec<PathBuf>);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper answers (docker-credential-helpers protocol).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl CredentialFiles {
    /// Those that podman and docker use here.
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = variable("HOME");
        let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let config = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let files = [
            variable("REGISTRY_AUTH_FILE"),
            // Where podman has no runtime folder of the user's, it keeps them below /run.
            Some(variable("XDG_RUNTIME_DIR").map_or_else(
                || PathBuf::from(format!("/run/containers/{}/auth.json", nix::unistd::geteuid())),
                |folder| folder.join("containers/auth.json"),
            )),
            config.map(|folder| folder.join("containers/auth.json")),
            variable("DOCKER_CONFIG").or_else(|| below_home(".docker")).map(|folder| folder.join("config.json")),
        ];
        Self(files.into_iter().flatten().collect())
    }

    /// The credentials for `repository` at `registry`; `None` where no file has any.
    pub fn find(&self, registry: &str, repository: &str) -> Result<Option<Credentials>, Error> {
        for path in &self.0 {
            let bytes = match read_small(path) {
                Ok(bytes) => bytes,
                Err(error)
                    if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    return Err(Error::CredentialFile { path: path.clone(), reason: error.kind().to_string() });
                }
            };
            let file: File = serde_json::from_slice(&bytes)
                .map_err(|error| Error::CredentialFile { path: path.clone(), reason: error.to_string() })?;
            if let Some(credentials) = file.find(path, registry, repository)? {
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }
}

/// The bytes of the file at `path`, which is refused where it is larger than any such file.
fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::take(fs_err::File::open(path)?, LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

impl File {
    fn find(&self, path: &Path, registry: &str, repository: &str) -> Result<Option<Credentials>, Error> {
        let keys = keys(registry, repository);
        for key in &keys {
            if let Some(helper) = self.cred_helpers.iter().find(|(name, _)| plain(name) == *key) {
                return ask(helper.1, helper.0);
            }
        }
        for key in &keys {
            let Some((name, entry)) = self.auths.iter().find(|(name, _)| plain(name) == *key) else { continue };
            if let Some(credentials) = entry.credentials(path)? {
                return Ok(Some(credentials));
            }
            // Where a store has the secret, the entry is there and empty.
            if let Some(store) = &self.creds_store {
                return ask(store, name);
            }
        }
        match &self.creds_store {
            Some(store) => ask(store, if registry == "docker.io" { "https://index.docker.io/v1/" } else { registry }),
            None => Ok(None),
        }
    }
}

impl Entry {
    fn credentials(&self, path: &Path) -> Result<Option<Credentials>, Error> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(Credentials::IdentityToken(token.clone())));
        }
        if let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) {
            let decoded = STANDARD.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':'));
            let (user, password) = pair.ok_or_else(|| Error::CredentialFile {
                path: path.to_owned(),
                reason: "an `auth` in it is not the base64 of NAME:PASSWORD".to_owned(),
            })?;
            return Ok(Some(Credentials::Password { user: user.to_owned(), password: password.to_owned() }));
        }
        Ok(match (&self.username, &self.password) {
            (Some(user), Some(password)) => {
                Some(Credentials::Password { user: user.clone(), password: password.clone() })
            }
            _ => None,
        })
    }
}

/// The keys that may name `repository`, the most particular first: podman has them by namespace too.
fn keys(registry: &str, repository: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut path = format!("{registry}/{repository}");
    while let Some((above, _)) = path.rsplit_once('/') {
        keys.push(path.clone());
        path = above.to_owned();
    }
    keys.push(registry.to_owned());
    if registry == "docker.io" {
        keys.push("index.docker.io".to_owned());
        keys.push("registry-1.docker.io".to_owned());
    }
    keys
}

/// A file's key without scheme and the `/v1/` of old.
fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

/// Asks the helper `name` about `server`; `None` where it knows nothing.
fn ask(name: &str, server: &str) -> Result<Option<Credentials>, Error> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| Error::CredentialHelper {
        program: program.clone(),
        registry: plain(server).to_owned(),
        reason: reason.trim().to_owned(),
    };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read tells what is wrong by its status.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!("{said} {}", String::from_utf8_lossy(&output.stderr))));
    }
    let answer: Answer =
        serde_json::from_slice(&output.stdout).map_err(|_| failed("its answer is not understood".to_owned()))?;
    Ok(Some(if answer.username == "<token>" {
        Credentials::IdentityToken(answer.secret)
    } else {
        Credentials::Password { user: answer.username, password: answer.secret }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, registry: &str, repository: &str) -> Option<Credentials> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        let files = CredentialFiles(vec![PathBuf::from("/nonexistent/auth.json"), file.path().to_owned()]);
        files.find(registry, repository).unwrap()
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn files_of_docker_and_podman_are_understood() {
        let hub = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6c2VjOnJldA=="}}}"#;
        assert_eq!(find(hub, "docker.io", "library/app"), Some(password("me", "sec:ret")));
        assert_eq!(find(hub, "ghcr.io", "me/app"), None);
        let podman = r#"{"auths": {"quay.io": {"auth": "YTpi"}, "quay.io/team": {"auth": "Yzpk"}}}"#;
        assert_eq!(find(podman, "quay.io", "team/app"), Some(password("c", "d")));
        assert_eq!(find(podman, "quay.io", "other/app"), Some(password("a", "b")));
        let token = r#"{"auths": {"x.azurecr.io": {"auth": "MDA6", "identitytoken": "tok"}}, "HttpHeaders": {}}"#;
        assert_eq!(find(token, "x.azurecr.io", "app"), Some(Credentials::IdentityToken("tok".to_owned())));
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for text in ["{", r#"{"auths": {"localhost:5000": {"auth": "???"}}}"#] {
            fs_err::write(&path, text).unwrap();
            let error = CredentialFiles(vec![path.clone()]).find("localhost:5000", "app").unwrap_err();
            assert!(error.to_string().contains("config.json"), "{error}");
        }
    }

    #[test]
    fn a_missing_helper_is_named() {
        let text = r#"{"credHelpers": {"gcr.io": "surely-not-here"}}"#;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), text).unwrap();
        let error = CredentialFiles(vec![file.path().to_owned()]).find("gcr.io", "p/app").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the credential helper `docker-credential-surely-not-here` failed for gcr.io")
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?}", password("me", "secret"));
        assert_eq!(shown, "Credentials(me)");
    }
}

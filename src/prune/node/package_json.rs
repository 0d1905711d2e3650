//! `package.json`, as far as resolution reads it (nodejs.org/api/packages).

use super::json::Json;

/// What resolution needs of one `package.json`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackageJson {
    pub name: Option<String>,
    pub main: Option<String>,
    pub exports: Option<Json>,
    pub imports: Option<Json>,
    /// Names in `dependencies`, `optionalDependencies` and `peerDependencies`.
    pub dependencies: Vec<String>,
}

impl PackageJson {
    /// Reads one; `None` where it is no JSON object.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let json: Json = serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok()?;
        json.map()?;
        let text = |key: &str| json.get(key).and_then(Json::text).map(str::to_owned);
        let dependencies = ["dependencies", "optionalDependencies", "peerDependencies"]
            .iter()
            .filter_map(|key| json.get(key)?.map())
            .flat_map(|names| names.iter().map(|(name, _)| name.clone()))
            .collect();
        Some(Self {
            name: text("name"),
            main: text("main"),
            exports: json.get("exports").filter(|value| **value != Json::Null).cloned(),
            imports: json.get("imports").cloned(),
            dependencies,
        })
    }

    /// The path that `exports` gives for `subpath` (`.` or `./x`) under `conditions`.
    pub(crate) fn exported(&self, subpath: &str, conditions: &[&str]) -> Option<String> {
        let exports = self.exports.as_ref()?;
        let is_map = exports.map().is_some_and(|map| map.iter().any(|(key, _)| key.starts_with('.')));
        if is_map {
            return mapped(exports, subpath, conditions);
        }
        (subpath == ".").then(|| target(exports, conditions, "", 0)).flatten()
    }

    /// The target that `imports` gives for `#name`.
    pub(crate) fn imported(&self, name: &str, conditions: &[&str]) -> Option<String> {
        mapped(self.imports.as_ref()?, name, conditions)
    }
}

/// Looks `key` up in a map with patterns; the longest pattern wins.
fn mapped(map: &Json, key: &str, conditions: &[&str]) -> Option<String> {
    if let Some(value) = map.get(key)
        && !key.contains('*')
    {
        return target(value, conditions, "", 0);
    }
    let mut best: Option<(&str, &str, &Json)> = None;
    for (pattern, value) in map.map()? {
        let Some((head, tail)) = pattern.split_once('*') else { continue };
        let Some(middle) = key.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)) else { continue };
        if best.is_none_or(|(before, _, _)| before.len() < head.len()) {
            best = Some((head, middle, value));
        }
    }
    let (_, middle, value) = best?;
    target(value, conditions, middle, 0)
}

/// Follows conditions and lists to a path, `*` put in place.
fn target(value: &Json, conditions: &[&str], star: &str, depth: u32) -> Option<String> {
    if depth > 32 {
        return None;
    }
    match value {
        Json::Text(path) => Some(path.replace('*', star)),
        Json::List(list) => list.iter().find_map(|value| target(value, conditions, star, depth + 1)),
        Json::Map(map) => map
            .iter()
            .filter(|(condition, _)| *condition == "default" || conditions.contains(&condition.as_str()))
            .find_map(|(_, value)| target(value, conditions, star, depth + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_by_condition_and_pattern() {
        let package = PackageJson::parse(
            br##"{"name": "p", "exports": {
                ".": {"import": {"types": "./t.d.ts", "default": "./esm.js"}, "require": "./cjs.js"},
                "./lib/*": "./src/*.js", "./lib/inner/*": "./in/*.js", "./lib/inner/private": null,
                "./list": [{"browser": "./b.js"}, "./n.js"]},
                "imports": {"#x": {"node": "./x.node.js", "default": "./x.js"}},
                "dependencies": {"a": "1"}, "optionalDependencies": {"b": "2"}}"##,
        )
        .unwrap();
        let require = ["node", "require"];
        for (subpath, conditions, path) in [
            (".", &require, Some("./cjs.js")),
            (".", &["node", "import"], Some("./esm.js")),
            ("./lib/a", &require, Some("./src/a.js")),
            ("./lib/inner/a", &require, Some("./in/a.js")),
            ("./lib/inner/private", &require, None),
            ("./list", &require, Some("./n.js")),
            ("./other", &require, None),
        ] {
            assert_eq!(package.exported(subpath, conditions).as_deref(), path, "{subpath}");
        }
        assert_eq!(package.imported("#x", &require).as_deref(), Some("./x.node.js"));
        assert_eq!(package.dependencies, ["a", "b"]);
        let simple = PackageJson::parse(br#"{"exports": "./only.js"}"#).unwrap();
        assert_eq!(simple.exported(".", &require).as_deref(), Some("./only.js"));
        assert_eq!(simple.exported("./x", &require), None);
        assert!(PackageJson::parse(b"[]").is_none() && PackageJson::parse(b"{").is_none());
    }
}

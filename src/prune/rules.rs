//! The standard profile as data: each rule has a name, the paths it takes, the paths it leaves, and the packages which,
//! when the recipe asks for them by name, switch it off for their own files.
//!
//! What the lists name of Python's library, eleven stacks from `http.server` to Django are imported without. What looks
//! as if it belonged here and does not stands in [`NEVER`], with the same weight.

use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// One rule by folder and package.
pub(super) struct Rule {
    /// Its name in reports.
    pub name: &'static str,
    /// Globs below the root.
    paths: &'static [&'static str],
    /// Globs below the root which the rule leaves alone.
    except: &'static [&'static str],
    /// Packages that exist for the sake of these files: a name, or with a leading `-` the end of one.
    made_for: &'static [&'static str],
}

/// What no standard rule takes, whatever its globs say: code that is imported by computed names, data that is opened at
/// run time, and what scanners read.
const NEVER: &[&str] = &[
    "usr/lib/python3*/_sysconfigdata*",
    "usr/lib/python3*/sysconfig*",
    "usr/lib/python3*/sysconfig/**",
    "usr/lib/python3*/html/**",
    "usr/lib/python3*/encodings/**",
    "usr/lib/python3*/stringprep.py",
    "usr/lib/python3*/lib-dynload/unicodedata*",
    "usr/lib/python3*/lib-dynload/_ssl*",
    "usr/lib/python3*/lib-dynload/_hashlib*",
    "usr/lib/python3*/concurrent/**",
    "usr/lib/python3*/multiprocessing/**",
    "usr/lib/python3*/zoneinfo/**",
    "usr/lib/python3*/email/**",
    "**/*.dist-info/**",
    "etc/ssl/**",
    "usr/share/ca-certificates/**",
    "lib/apk/db/**",
    "usr/lib/apk/db/**",
];

/// The rules, in the order in which they are asked; the first that fits gives its name.
const RULES: &[Rule] = &[
    Rule {
        name: "package-cache",
        paths: &["var/cache/apk/**", "root/.cache/**", "root/.npm/**"],
        except: &[],
        made_for: &[],
    },
    Rule {
        name: "man-pages",
        paths: &["usr/share/man/**", "usr/local/share/man/**", "usr/man/**"],
        except: &[],
        made_for: &["-doc", "man-pages"],
    },
    Rule { name: "info-pages", paths: &["usr/share/info/**"], except: &[], made_for: &["-doc"] },
    Rule {
        name: "documentation",
        paths: &["usr/share/doc/**", "usr/share/gtk-doc/**", "usr/share/help/**"],
        except: &[],
        made_for: &["-doc"],
    },
    Rule {
        name: "locales",
        paths: &["usr/share/locale/**", "usr/share/i18n/**"],
        except: &["usr/share/locale/C/**", "usr/share/locale/C.*/**", "usr/share/i18n/locales/musl/C*"],
        made_for: &["-lang", "musl-locales"],
    },
    Rule {
        name: "static-libraries",
        paths: &["lib/*.a", "lib/*.la", "usr/lib/*.a", "usr/lib/*.la", "usr/local/lib/*.a"],
        except: &[],
        made_for: &["-static", "-dev"],
    },
    Rule { name: "headers", paths: &["usr/include/**", "usr/local/include/**"], except: &[], made_for: &["-dev"] },
    Rule {
        name: "pkg-config",
        paths: &["usr/lib/pkgconfig/**", "usr/share/pkgconfig/**"],
        except: &[],
        made_for: &["-dev"],
    },
    Rule {
        name: "build-macros",
        paths: &["usr/lib/cmake/**", "usr/share/cmake/**", "usr/share/aclocal/**"],
        except: &[],
        made_for: &["-dev", "cmake"],
    },
    Rule {
        name: "shell-completions",
        paths: &[
            "usr/share/bash-completion/**",
            "usr/share/zsh/site-functions/**",
            "usr/share/fish/completions/**",
            "usr/share/fish/vendor_completions.d/**",
            "etc/bash_completion.d/**",
        ],
        except: &[],
        made_for: &["-completion", "bash-completion", "fish", "zsh"],
    },
    Rule {
        name: "debug-information",
        paths: &["usr/lib/debug/**", "usr/share/gdb/**"],
        except: &[],
        made_for: &["-dbg", "gdb"],
    },
    Rule {
        name: "python-tests",
        paths: &[
            "usr/lib/python3*/test/**",
            "usr/lib/python3*/tests/**",
            "usr/lib/python3*/ctypes/test/**",
            "usr/lib/python3*/distutils/tests/**",
            "usr/lib/python3*/sqlite3/test/**",
            "usr/lib/python3*/unittest/test/**",
        ],
        except: &[],
        made_for: &["python3-tests"],
    },
    Rule {
        name: "python-test-modules",
        paths: &[
            "usr/lib/python3*/lib-dynload/_test*",
            "usr/lib/python3*/lib-dynload/_ctypes_test*",
            "usr/lib/python3*/lib-dynload/_xxtestfuzz*",
            "usr/lib/python3*/lib-dynload/xx*",
        ],
        except: &[],
        made_for: &["python3-tests"],
    },
    Rule {
        name: "python-idle",
        paths: &["usr/lib/python3*/idlelib/**", "usr/bin/idle3*"],
        except: &[],
        made_for: &["-idle"],
    },
    Rule { name: "python-ensurepip", paths: &["usr/lib/python3*/ensurepip/**"], except: &[], made_for: &[] },
    Rule {
        name: "python-tkinter",
        paths: &[
            "usr/lib/python3*/tkinter/**",
            "usr/lib/python3*/turtle*",
            "usr/lib/python3*/turtledemo/**",
            "usr/lib/python3*/lib-dynload/_tkinter*",
        ],
        except: &[],
        made_for: &["-tkinter"],
    },
    Rule {
        name: "python-lib2to3",
        paths: &["usr/lib/python3*/lib2to3/**", "usr/bin/2to3*"],
        except: &[],
        made_for: &[],
    },
    Rule { name: "python-pydoc-data", paths: &["usr/lib/python3*/pydoc_data/**"], except: &[], made_for: &[] },
    Rule {
        name: "python-config",
        paths: &["usr/lib/python3*/config-*/**", "usr/bin/python3*-config"],
        except: &[],
        made_for: &["python3-dev"],
    },
    Rule { name: "python-venv", paths: &["usr/lib/python3*/venv/**", "usr/bin/pyvenv*"], except: &[], made_for: &[] },
    Rule { name: "node-npm", paths: &["usr/lib/node_modules/npm/**"], except: &[], made_for: &["npm"] },
    Rule {
        name: "node-corepack",
        paths: &["usr/lib/node_modules/corepack/**"],
        except: &[],
        made_for: &["nodejs-corepack", "corepack"],
    },
    Rule {
        name: "node-declarations",
        paths: &["**/node_modules/**/*.d.ts", "**/node_modules/**/*.d.mts", "**/node_modules/**/*.d.cts"],
        except: &[],
        made_for: &[],
    },
    Rule { name: "node-source-maps", paths: &["**/node_modules/**/*.map"], except: &[], made_for: &[] },
    Rule {
        name: "node-markdown",
        paths: &["**/node_modules/**/*.md", "**/node_modules/**/*.markdown"],
        // A licence must travel with what it licenses.
        except: &["**/{LICENSE,LICENCE,COPYING,NOTICE,license,licence,copying,notice,License,Licence}*"],
        made_for: &[],
    },
];

/// The rule for compiled Python code beside its source, which the bytecode mode switches.
pub(super) const PYCACHE: &str = "python-bytecode-cache";

/// The table, compiled.
pub(super) struct Table {
    never: GlobSet,
    paths: GlobSet,
    /// For each glob of `paths` the rule it belongs to.
    owner: Vec<usize>,
    except: Vec<GlobSet>,
}

impl Rule {
    /// Whether the recipe named `package` for the sake of just these files.
    pub(super) fn made_for(&self, package: &str) -> bool {
        self.made_for
            .iter()
            .any(|pattern| if pattern.starts_with('-') { package.ends_with(pattern) } else { package == *pattern })
    }
}

impl Table {
    /// The one table there is.
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| Self {
            never: set(NEVER),
            paths: set(RULES.iter().flat_map(|rule| rule.paths)),
            owner: RULES.iter().enumerate().flat_map(|(index, rule)| rule.paths.iter().map(move |_| index)).collect(),
            except: RULES.iter().map(|rule| set(rule.except)).collect(),
        })
    }

    /// The first rule that takes `path`, if any does and no never-list holds it.
    pub(super) fn rule_for(&self, path: &str) -> Option<&'static Rule> {
        let candidate = globset::Candidate::new(path);
        let mut matches: Vec<usize> = self
            .paths
            .matches_candidate(&candidate)
            .into_iter()
            .filter_map(|glob| self.owner.get(glob).copied())
            .filter(|rule| !self.except.get(*rule).is_some_and(|except| except.is_match_candidate(&candidate)))
            .collect();
        matches.sort_unstable();
        let rule = RULES.get(*matches.first()?)?;
        (!self.never.is_match_candidate(&candidate)).then_some(rule)
    }
}

/// A glob whose `*` stops at a slash.
pub(super) fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

/// A set of globs of this file. They are constants, and a test compiles each of them.
fn set<'a>(patterns: impl IntoIterator<Item = &'a &'static str>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        if let Ok(glob) = glob(pattern) {
            builder.add(glob);
        }
    }
    builder.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_glob_compiles() {
        for pattern in RULES.iter().flat_map(|rule| rule.paths.iter().chain(rule.except)).chain(NEVER) {
            glob(pattern).unwrap();
        }
        let table = Table::get();
        assert_eq!(table.paths.len(), table.owner.len());
    }

    #[test]
    fn paths_and_their_rules() {
        for (path, rule) in [
            ("usr/share/man/man1/python3.1.gz", Some("man-pages")),
            ("usr/share/doc/zlib/README", Some("documentation")),
            ("usr/share/licenses/zlib/LICENSE", None),
            ("usr/share/locale/de/LC_MESSAGES/bash.mo", Some("locales")),
            ("usr/share/locale/C/LC_MESSAGES/x.mo", None),
            ("usr/lib/libz.a", Some("static-libraries")),
            ("usr/lib/libz.so.1", None),
            ("usr/include/python3.12/pyconfig.h", Some("headers")),
            ("usr/lib/python3.12/test/test_os.py", Some("python-tests")),
            ("usr/lib/python3.12/site-packages/numpy/tests/test_a.py", None),
            ("usr/lib/python3.12/unittest/case.py", None),
            ("usr/lib/python3.12/turtle.py", Some("python-tkinter")),
            ("usr/lib/python3.12/config-3.12-x86_64-linux-musl/Makefile", Some("python-config")),
            ("usr/lib/python3.12/configparser.py", None),
            ("usr/lib/python3.12/_sysconfigdata__linux_x86_64-linux-musl.py", None),
            ("usr/lib/python3.12/html/entities.py", None),
            ("usr/lib/python3.12/lib-dynload/_testcapi.cpython-312.so", Some("python-test-modules")),
            ("usr/lib/python3.12/lib-dynload/xxlimited.cpython-312.so", Some("python-test-modules")),
            ("usr/lib/python3.12/lib-dynload/_xxsubinterpreters.cpython-312.so", None),
            ("usr/lib/python3.12/lib-dynload/unicodedata.cpython-312.so", None),
            ("usr/lib/python3.12/venv/__init__.py", Some("python-venv")),
            ("usr/lib/node_modules/npm/bin/npm-cli.js", Some("node-npm")),
            ("app/node_modules/express/index.d.ts", Some("node-declarations")),
            ("app/node_modules/express/History.md", Some("node-markdown")),
            ("app/node_modules/express/LICENSE.md", None),
            ("app/node_modules/@types/node/fs.d.ts", Some("node-declarations")),
            ("app/node_modules/docs/index.js", None),
            ("app/index.d.ts", None),
            ("etc/ssl/openssl.cnf", None),
            ("usr/share/doc/x.dist-info/METADATA", None),
            ("usr/bin/idle3.12", Some("python-idle")),
            ("usr/bin/2to3-3.12", Some("python-lib2to3")),
            ("usr/bin/python3.12", None),
            ("usr/bin/python3.12-config", Some("python-config")),
        ] {
            assert_eq!(Table::get().rule_for(path).map(|rule| rule.name), rule, "{path}");
        }
    }

    #[test]
    fn a_package_may_exist_for_what_a_rule_takes() {
        let rule = Table::get().rule_for("usr/share/man/man1/a.1").unwrap();
        assert!(rule.made_for("zlib-doc") && rule.made_for("man-pages"));
        assert!(!rule.made_for("zlib") && !rule.made_for("doc"));
    }
}

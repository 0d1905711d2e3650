//! What no source says: what the interpreter imports by itself, what extension modules import by name, and what
//! well-known code imports by names that it computes.

/// What CPython needs to start: the files by which it knows its folder, and what its C code imports.
pub(super) const START_UP: &[&str] = &[
    "os",
    "site",
    "codecs",
    "encodings",
    "encodings.aliases",
    "encodings.ascii",
    "encodings.latin_1",
    "encodings.utf_8",
    "io",
    "abc",
    "stat",
    "posixpath",
    "genericpath",
    "_collections_abc",
    "_sitebuiltins",
    "copyreg",
    "warnings",
    "importlib",
    "importlib.machinery",
    "importlib.util",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
];

/// What an uncaught exception prints its lines with from Python 3.13 on; earlier ones do it in C.
pub(super) const START_UP_3_13: &[&str] = &["traceback", "_colorize", "linecache"];

/// `-m`
pub(super) const RUN_MODULE: &[&str] = &["runpy", "pkgutil"];

/// Codecs that are kept only when the program or a dependency names one of them: the tables of East Asian ones are
/// large.
pub(super) const EAST_ASIAN_CODECS: &[&str] = &[
    "big5",
    "big5hkscs",
    "cp932",
    "cp949",
    "cp950",
    "euc_jis_2004",
    "euc_jisx0213",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "gb2312",
    "gbk",
    "hz",
    "iso2022_jp",
    "iso2022_jp_1",
    "iso2022_jp_2",
    "iso2022_jp_2004",
    "iso2022_jp_3",
    "iso2022_jp_ext",
    "iso2022_kr",
    "johab",
    "shift_jis",
    "shift_jis_2004",
    "shift_jisx0213",
];

/// Other names of those.
pub(super) const EAST_ASIAN_ALIASES: &[&str] = &[
    "big5_tw",
    "csbig5",
    "sjis",
    "shiftjis",
    "s_jis",
    "ms_kanji",
    "mskanji",
    "ujis",
    "eucjp",
    "u_jis",
    "euckr",
    "korean",
    "ksc5601",
    "ks_c_5601",
    "chinese",
    "euccn",
    "eucgb2312_cn",
    "gb2312_80",
    "936",
    "cp936",
    "ms936",
    "iso_2022_jp",
    "iso_2022_kr",
    "csiso2022jp",
    "932",
    "ms932",
    "949",
    "uhc",
    "950",
    "hzgb",
    "hz_gb",
    "hz_gb_2312",
];

/// Codecs that turn bytes into bytes, or belong to another system: kept only when named, like the modules behind them.
pub(super) const TRANSFORMS: &[(&str, &[&str])] = &[
    ("base64_codec", &["base64", "base_64"]),
    ("bz2_codec", &["bz2"]),
    ("hex_codec", &["hex"]),
    ("quopri_codec", &["quopri", "quoted_printable", "quotedprintable"]),
    ("rot_13", &["rot13", "rot_13"]),
    ("uu_codec", &["uu"]),
    ("zlib_codec", &["zlib", "zip"]),
    ("mbcs", &["mbcs"]),
    ("oem", &["oem"]),
];

/// An extension module, the word that must be mentioned for it to happen (if any), and what it imports then. From
/// CPython's C sources.
pub(super) const NATIVE: &[(&str, Option<&str>, &[&str])] = &[
    (
        "_asyncio",
        None,
        &[
            "asyncio.events",
            "asyncio.base_events",
            "asyncio.base_futures",
            "asyncio.base_tasks",
            "asyncio.coroutines",
            "asyncio.exceptions",
            "traceback",
            "weakref",
        ],
    ),
    ("_ctypes", None, &["ctypes._endian"]),
    ("_curses_panel", None, &["_curses"]),
    ("_datetime", None, &["time"]),
    ("_datetime", Some("strptime"), &["_strptime"]),
    ("_decimal", None, &["numbers", "collections"]),
    ("_elementtree", None, &["copy", "pyexpat", "xml.etree.ElementPath", "xml.etree.ElementTree"]),
    ("_json", None, &["json.decoder"]),
    ("_pickle", None, &["copyreg", "_compat_pickle", "codecs", "functools"]),
    ("_sqlite3", Some("iterdump"), &["sqlite3.dump"]),
    ("_sqlite3", None, &["functools", "collections.abc"]),
    ("_ssl", None, &["_socket"]),
    ("_tkinter", None, &[]),
    ("_zoneinfo", None, &["zoneinfo._tzpath", "zoneinfo._common", "io", "weakref"]),
    ("_interpreters", None, &["concurrent.interpreters"]),
    ("array", None, &["collections.abc", "copyreg"]),
    ("time", Some("strptime"), &["_strptime"]),
    (
        "pydantic_core._pydantic_core",
        None,
        &[
            "datetime",
            "decimal",
            "typing",
            "typing_extensions",
            "uuid",
            "enum",
            "dataclasses",
            "collections",
            "fractions",
            "pathlib",
            "ipaddress",
            "re",
            "inspect",
            "zoneinfo",
        ],
    ),
];

/// A module, and what it imports by computed names once it is reached; `*` at the end means all modules right below.
pub(super) const COMPUTED: &[(&str, &[&str])] = &[
    ("xml.sax", &["xml.sax.expatreader"]),
    ("dbm", &["dbm.gnu", "dbm.ndbm", "dbm.dumb", "dbm.sqlite3"]),
    ("logging.config", &["logging.handlers"]),
    ("multiprocessing.util", &["multiprocessing.popen_fork"]),
    ("django.core.management", &["django.core.management.commands.*"]),
    ("django.db.backends.utils", &["django.db.backends.dummy.*"]),
    ("django.conf.locale", &["django.conf.locale.en.*"]),
    ("gunicorn.app.base", &["gunicorn.workers.sync", "gunicorn.workers.gthread", "gunicorn.glogging"]),
];

/// What a package that a text names brings along by convention where Django is in use.
pub(super) const DJANGO_APP: &[&str] = &[
    "apps",
    "models",
    "models.*",
    "admin",
    "base",
    "checks",
    "translation",
    "migrations",
    "migrations.*",
    "management",
    "management.commands",
    "management.commands.*",
    "templatetags",
    "templatetags.*",
    "jinja2",
];

/// Modules of the standard library that import by computed name on behalf of others, whose own names are followed.
pub(super) const ANSWERED: &[&str] = &[
    "importlib",
    "importlib.util",
    "importlib.resources",
    "importlib.resources._common",
    "importlib.metadata",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "pkgutil",
    "runpy",
    "pickle",
    "site",
    "sysconfig",
    "xml.sax",
    "dbm",
    "inspect",
    "encodings",
    "pydoc",
    "typing",
    "concurrent.futures",
    "zipimport",
    "ctypes.util",
    "ctypes",
    "multiprocessing.forkserver",
    "multiprocessing.spawn",
    "unittest.loader",
    "unittest.main",
    "unittest.mock",
    "hashlib",
    "warnings",
    "imp",
    "logging.config",
    "traceback", // the module that a name could not be imported from, to say which names it has
];

/// Functions that run only for a person at a prompt (`help()`, line editing), by module and name.
pub(super) const AT_A_PROMPT: &[(&str, &str)] = &[("_sitebuiltins", "__call__"), ("site", "register_readline")];

/// Functions of the standard library that only the module's own `__main__` clause calls, by module and name, where their
/// name is one that half of all programs mention. `random` has such a command line from Python 3.13 on, with a test of
/// itself that asks for `statistics`; that test has the name of others, which ask for `doctest`, `unittest` and `asyncio`.
pub(super) const ONLY_AS_MAIN: &[(&str, &str)] = &[("random", "main")];

/// What a `drop` takes along: the module that it names, another over the same library, and the names for which only
/// that one is of use. `hashlib` and `hmac` have hashes of their own, but these are OpenSSL's alone.
pub(super) const ALONG: &[(&str, &str, &[&str])] = &[(
    "ssl",
    "_hashlib",
    &[
        "pbkdf2_hmac",
        "scrypt",
        "blake2b512",
        "blake2s256",
        "md4",
        "md5_sha1",
        "mdc2",
        "ripemd160",
        "rmd160",
        "sha512_224",
        "sha512_256",
        "sm3",
        "whirlpool",
    ],
)];

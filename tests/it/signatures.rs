//! Signatures in every form in which tar and package builders write them, put together from signatures that openssl made
//! (`scripts/record-signatures`), and in forms that nobody should write.

use std::io::Write as _;

use apkbuild::apk::writer::append_pax_record;
use apkbuild::apk::{Error, Keyring, SignedIndex};
use tar::{EntryType, Header};

const BODY: &[u8] = include_bytes!("../data/signatures/index.tar.gz");

/// Name, public key, and signature over SHA-1, SHA-256 and SHA-512.
struct Key {
    name: &'static str,
    public: &'static str,
    signatures: [(&'static str, &'static [u8]); 3],
}

macro_rules! keys {
    ($($name:literal)*) => {
        [$(Key {
            name: concat!($name, ".rsa.pub"),
            public: include_str!(concat!("../data/signatures/", $name, ".rsa.pub")),
            signatures: [
                ("RSA", include_bytes!(concat!("../data/signatures/", $name, ".RSA"))),
                ("RSA256", include_bytes!(concat!("../data/signatures/", $name, ".RSA256"))),
                ("RSA512", include_bytes!(concat!("../data/signatures/", $name, ".RSA512"))),
            ],
        }),*]
    };
}

const KEYS: [Key; 3] = keys!("one" "two" "three");

/// How a tar says what its entries are called.
#[derive(Clone, Copy, Debug)]
enum Form {
    Ustar,
    Gnu,
    /// A GNU long name before each entry, as for names of more than 100 bytes.
    GnuLongName,
    /// A PAX header with times before each entry, as abuild writes it since 3.15.
    Posix,
    /// A global PAX header at the beginning, and PAX headers with the entry's whole name.
    PosixGlobal,
}

const FORMS: [Form; 5] = [Form::Ustar, Form::Gnu, Form::GnuLongName, Form::Posix, Form::PosixGlobal];

fn raw(kind: EntryType, gnu: bool, name: &str, contents: &[u8]) -> Vec<u8> {
    let mut header = if gnu { Header::new_gnu() } else { Header::new_ustar() };
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_763_292_262);
    header.set_size(contents.len() as u64);
    header.as_old_mut().name.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(contents);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        append_pax_record(&mut bytes, key, value.as_bytes());
    }
    bytes
}

/// An entry of a signature member.
fn entry(form: Form, name: &str, contents: &[u8]) -> Vec<u8> {
    let file = |gnu| raw(EntryType::Regular, gnu, name, contents);
    let times = [("mtime", "1763292262.149326535"), ("ctime", "0"), ("atime", "0")];
    let extended =
        |records: &[(&str, &str)]| raw(EntryType::XHeader, false, &format!("./PaxHeaders/{name}"), &pax(records));
    match form {
        Form::Ustar => file(false),
        Form::Gnu => file(true),
        Form::GnuLongName => {
            let long = raw(EntryType::GNULongName, true, "././@LongLink", format!("{name}\0").as_bytes());
            let short: String = name.chars().take(20).collect();
            [long, raw(EntryType::Regular, true, &short, contents)].concat()
        }
        Form::Posix => [extended(&times), file(false)].concat(),
        Form::PosixGlobal => {
            let global = raw(EntryType::XGlobalHeader, false, "pax_global_header", &pax(&[("comment", "x")]));
            let short: String = name.chars().take(20).collect();
            let whole = [times.as_slice(), &[("path", name)]].concat();
            [global, extended(&whole), raw(EntryType::Regular, false, &short, contents)].concat()
        }
    }
}

fn member(tar: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

fn keyring(keys: &[&Key]) -> Keyring {
    let mut keyring = Keyring::new();
    for key in keys {
        keyring.add(key.name, key.public).unwrap();
    }
    keyring
}

/// The trusted signer of the index with `signature` before it.
fn verified(signature: &[u8], keyring: &Keyring) -> Result<String, Error> {
    let bytes = [signature, BODY].concat();
    let index = SignedIndex::read(&bytes)?;
    let signer = index.verify(keyring)?.to_owned();
    assert_eq!(index.open().unwrap().description, "v3.22.2-206-ge2cfd1f9853");
    Ok(signer)
}

#[test]
fn every_form_of_a_signature_is_read() {
    let mut forms = 0;
    for form in FORMS {
        for algorithm in 0..3 {
            for count in 1..=3 {
                let entries: Vec<Vec<u8>> = KEYS[..count]
                    .iter()
                    .map(|key| {
                        let (word, bytes) = key.signatures[algorithm];
                        entry(form, &format!(".SIGN.{word}.{}", key.name), bytes)
                    })
                    .collect();
                let padded = [entries.concat(), vec![0; 1024]].concat();
                let one_each: Vec<u8> = entries.iter().flat_map(|entry| member(entry)).collect();
                for signature in [member(&entries.concat()), one_each, member(&padded)] {
                    for key in &KEYS[..count] {
                        assert_eq!(verified(&signature, &keyring(&[key])).as_deref(), Ok(key.name), "{form:?}");
                        forms += 1;
                    }
                    // The others are no keys of those that are trusted.
                    for key in &KEYS[count..] {
                        let error = verified(&signature, &keyring(&[key])).unwrap_err();
                        assert!(matches!(error, Error::Foreign { .. }), "{error}");
                    }
                }
            }
        }
    }
    assert_eq!(forms, 5 * 3 * 3 * (1 + 2 + 3));
}

#[test]
fn a_signature_that_is_not_as_it_should_be_is_named() {
    let [one, two, three] = &KEYS;
    let name = ".SIGN.RSA256.one.rsa.pub";
    let good = entry(Form::Posix, name, one.signatures[1].1);
    let ustar = entry(Form::Ustar, name, one.signatures[1].1);
    let file = |name: &str, contents: &[u8]| raw(EntryType::Regular, false, name, contents);
    let two_names = |inner: &str| {
        let header = raw(EntryType::XHeader, false, "./PaxHeaders/x", &pax(&[("path", inner)]));
        [header, ustar.clone()].concat()
    };
    let mut broken_sum = ustar.clone();
    broken_sum[148] ^= 1;
    for (what, signature, message) in [
        ("cut in its header", member(&good[..1200]), "the tar of its index is damaged"),
        ("cut in its contents", member(&ustar[..600]), "`.SIGN.RSA256.one.rsa.pub` ends too soon"),
        ("cut in its padding", member(&file(name, &[1; 100])[..700]), "`.SIGN.RSA256.one.rsa.pub` ends too soon"),
        ("of two keys", member(&two_names(".SIGN.RSA256.two.rsa.pub")), "its signature has two names"),
        ("over other bytes", member(&entry(Form::Posix, name, two.signatures[1].1)), "by one.rsa.pub does not fit"),
        ("over another hash", member(&entry(Form::Posix, name, one.signatures[2].1)), "by one.rsa.pub does not fit"),
        (
            "with a file behind it",
            member(&[good.clone(), file(".PKGINFO", b"pkgname = x\n")].concat()),
            "`.PKGINFO` stands among its signatures",
        ),
        (
            "with a link behind it",
            member(&[good.clone(), raw(EntryType::Symlink, false, ".SIGN.RSA.x", b"")].concat()),
            "`.SIGN.RSA.x` stands among its signatures",
        ),
        (
            "with bytes behind its end",
            member(&[good.clone(), vec![0; 1024], vec![1; 512]].concat()),
            "something stands behind its end",
        ),
        ("without a key", member(&entry(Form::Ustar, ".SIGN.RSA256", b"x")), "is no name of a signature"),
        (
            "of DSA",
            member(&entry(Form::Posix, ".SIGN.DSA.one.rsa.pub", b"x")),
            "its signature by one.rsa.pub is DSA, which is not supported",
        ),
        (
            "of a stranger",
            member(&entry(Form::Posix, ".SIGN.RSA.three.rsa.pub", three.signatures[0].1)),
            "it is signed by three.rsa.pub, and the trusted keys are one.rsa.pub",
        ),
        ("with a broken header", member(&broken_sum), "checksum mismatch"),
        ("17 times", member(&good).repeat(17), "it has more than 16 signatures"),
        ("17 times in one", member(&good.repeat(17)), "it has more than 16 signatures"),
        ("large", member(&file(name, &vec![0; 15 << 20])), "its signature is larger than 65536 bytes"),
        (
            "with a large name",
            member(
                &[
                    raw(EntryType::XHeader, false, "./PaxHeaders/x", &pax(&[("path", &"x".repeat(70_000))])),
                    good.clone(),
                ]
                .concat(),
            ),
            "the tar of its index is damaged",
        ),
    ] {
        let error = verified(&signature, &keyring(&[one])).expect_err(what);
        assert!(error.to_string().contains(message), "{what}: expected {message}, found {error}");
        let help = error.help().unwrap_or_default();
        assert!(!help.contains("untrusted"), "{what}: {help}");
    }
    // What one reader cannot use another signature makes up for.
    let dsa = member(&entry(Form::Posix, ".SIGN.DSA.two.rsa.pub", b"x"));
    assert_eq!(verified(&[dsa, member(&good)].concat(), &keyring(&[one])).as_deref(), Ok(one.name));
    assert_eq!(verified(&member(&good).repeat(16), &keyring(&[one])).as_deref(), Ok(one.name));
    assert_eq!(verified(&[], &keyring(&[one])), Err(Error::NotSigned));
    assert!(Error::NotSigned.help().unwrap().ends_with("--allow-untrusted builds without any check"));
    // A cut anywhere in the packed member is noticed, and where it can be seen that it is a signature, said.
    let packed = member(&good);
    for length in 0..packed.len() {
        assert!(verified(&packed[..length], &keyring(&[one])).is_err(), "{length} of {} bytes", packed.len());
    }
    let error = verified(&packed[..packed.len() - 9], &keyring(&[one])).unwrap_err();
    assert!(error.to_string().starts_with("its signature is damaged"), "{error}");
}

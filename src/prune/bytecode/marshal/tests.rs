//! Canonical code by hand, and held against whatever Python this machine has.

use std::process::Command;

use super::*;

#[test]
fn what_is_no_code_is_refused() {
    for bytes in
        [&b""[..], b"N", b"i\x01\0\0\0", b"c", b"\xe3\0\0\0\0", b"r\0\0\0\0", b")\x01r\0\0\0\0", b"s\xff\xff\xff\xff"]
    {
        assert_eq!(canonical(bytes, 11, "/a.py"), Err(Foreign), "{bytes:?}");
    }
    assert_eq!(canonical(&b")\x01".repeat(5000), 11, "/a.py"), Err(Foreign));
    assert_eq!(canonical(b"c", 7, "/a.py"), Err(Foreign));
}

/// A piece of 3.10's code with the constants `constants`.
fn code(constants: &[u8], file: &[u8], flag: u8) -> Vec<u8> {
    let empty = b")\0";
    let mut bytes = vec![b'c' | flag];
    bytes.extend([0; 24]);
    bytes.extend(b"s\x02\0\0\0S\0");
    bytes.extend(constants);
    for _ in 0..4 {
        bytes.extend(empty);
    }
    bytes.extend(file);
    bytes.extend(b"Z\x04name");
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend(b"s\0\0\0\0");
    bytes
}

#[test]
fn equal_code_gives_equal_bytes() {
    let marked = code(b")\x02\xda\x06longer\xda\x06longer", b"z\x01x", FLAG);
    let unmarked = code(b")\x02z\x06longerZ\x06longer", b"z\x02yy", 0);
    let referred = code(b")\x02\xda\x06longerr\x00\0\0\0", b"z\x01x", 0);
    let expected = code(b")\x02\xda\x06longerr\x00\0\0\0", b"z\x05/a.py", 0);
    for bytes in [marked, unmarked, referred] {
        assert_eq!(canonical(&bytes, 10, "/a.py").unwrap(), expected);
    }
    let sets = [b">\x02\0\0\0z\x01az\x01b", b">\x02\0\0\0z\x01bz\x01a"]
        .map(|set| canonical(&code(&[&b")\x01"[..], set].concat(), b"N", 0), 10, "/a.py").unwrap());
    assert_eq!(sets[0], sets[1]);
}

/// Marshals a program, and runs one that it is given.
const MARSHAL: &str = "import marshal, sys; source = sys.stdin.read(); \
    sys.stdout.buffer.write(bytes([sys.version_info[1]]) + marshal.dumps(compile(source, 'elsewhere.py', 'exec')))";
const RUN: &str = "import marshal, sys; code = marshal.loads(sys.stdin.buffer.read()); \
    exec(code, {'__name__': 'program', 'code': code})";

/// Everything that marshalled code may hold, and a traceback through it.
const PROGRAM: &str = r#"
"""A text."""
import sys
async def later(a, /, b: int = 1, *, c="ä", **rest):
    """Another."""
    return [x async for x in a] if b else {1.5: -2**70, 2j: None, ...: b"\0"}
class Longer_Name:
    numbers = frozenset({1, 2, 3}) | {"longer_text_than_eight"}
    def method(self, values=(1, 2, (3, "longer_text_than_eight"))):
        try:
            return sum(v for v in values if v in {1, 2, "three"}) + self.missing
        except AttributeError as error:
            lines = []
            trace = error.__traceback__
            while trace:
                lines.append(trace.tb_lineno)
                trace = trace.tb_next
            return lines, trace
print(Longer_Name().method(), later.__doc__, __doc__, later.__kwdefaults__, sorted(map(str, Longer_Name.numbers)))
print(code.co_filename, Longer_Name.method.__code__.co_filename, later.__code__.co_varnames)
print([line for line in ["a" * 300, "\ud800".encode("utf-8", "surrogatepass")]], 10**40, lambda: (yield))
"#;

fn python(name: &str, program: &str, input: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut child = Command::new(name)
        .args(["-c", program])
        .env("PYTHONHASHSEED", "0")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then_some(output.stdout)
}

#[test]
fn canonical_code_does_what_the_original_does() {
    let mut seen = 0;
    for name in
        ["python3", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"]
    {
        let Some(answer) = python(name, MARSHAL, PROGRAM.as_bytes()) else {
            eprintln!("canonical_code_does_what_the_original_does: skipped {name}, which is not here");
            continue;
        };
        let (minor, code) = answer.split_first().unwrap();
        let Ok(written) = canonical(code, *minor, "/elsewhere.py") else {
            panic!("{name}: its code is not understood");
        };
        let again = canonical(&written, *minor, "/elsewhere.py").unwrap();
        assert_eq!(written, again, "{name}: what is canonical stays as it is");
        assert!(written.len() <= code.len() + 20, "{name}: {} bytes became {}", code.len(), written.len());
        let text = |code: &[u8]| {
            let text = String::from_utf8(python(name, RUN, code).unwrap()).unwrap();
            let lines = text.lines().map(|line| line.split(" at 0x").next().unwrap_or_default().to_owned());
            lines.collect::<Vec<_>>().join("\n").replace("/elsewhere.py", "elsewhere.py")
        };
        assert_eq!(text(&written), text(code), "{name}");
        seen += 1;
    }
    eprintln!("{seen} interpreters were asked");
}

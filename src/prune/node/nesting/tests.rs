//! Sources that nest, that hide how deep they do, and that only look like it.

use super::*;

#[test]
fn what_nests_is_counted() {
    for part in [
        "(//)\n",
        "(/*)*/",
        "(')',",
        "(\")\",",
        "(/)/,",
        "(/[/)]/,",
        "(`)`,",
        "`${",
        "[`${1}`,",
        "!",
        "a=>",
        ".a",
        "()",
        "+1",
        "**1",
        "1?2:",
        "a=",
        "a:",
        "if(1)",
        "if(1)\n",
        "for await(a of b)\n",
        "typeof\u{a0}",
        "n\\u0065w ",
        "new ",
        "async a=>",
        "do ",
        "{",
        "typeof ",
        "() =>\n",
        "function a(b){",
    ] {
        let source = format!("x={}", part.repeat(1000));
        assert!(is_deeper(source.as_bytes(), 900), "{part}");
    }
}

#[test]
fn a_slash_hides_nothing() {
    let deep = "(".repeat(1000);
    for head in [
        "a++/",
        "if(1)/'/;",
        "if(1)/'/;\n",
        "{}/'/;",
        "x={}/'/;'/",
        "a\n/'/;",
        "yield/'/;'/",
        "a.return/'/;'/",
        "1./'/;'/",
        "[]\n/`/;",
        "//\u{2028}",
        "x=/[/]/,",
        "#!'\n",
        "<!--'\n",
        "-->'\n",
        "a\u{a0}/'/1;'/",
        "a\u{b}/'/1;'/",
        "x='\\\r\n',",
    ] {
        let source = format!("{head}{deep}/1");
        assert!(is_deeper(source.as_bytes(), 900), "{head}");
    }
    // Brackets that seem to be closed, or a chain without any.
    for (head, part) in [("if(1)/'/;", "(')',"), ("if(1)/'/;", "(\")\","), ("(a)/'/'+", "!"), ("x={}/'/+", "a=>")] {
        let source = format!("{head}{}", part.repeat(1000));
        assert!(is_deeper(source.as_bytes(), 900), "{head}{part}");
    }
}

#[test]
fn readings_without_end_are_refused() {
    let source = "[".repeat(10_000) + &"]/[".repeat(100_000);
    assert!(is_deeper(source.as_bytes(), 30_000));
}

#[test]
fn what_stands_side_by_side_does_not_nest() {
    for part in [
        "a(b)\n",
        "a = b\n",
        "a(b);",
        "a,",
        "function a(b) { return b }",
        "if (1) { a } else { b }\n",
        "a = { b: [c] }\n",
        "// (\n",
        "/* ( */",
        "'(',",
        "/[(]/.test(a);",
        "a = b / c / d;",
        "a = `(${b}`\n",
        "`a ${`b ${c}`}`;",
        "class A { b() {} }",
        "[1, 2],",
        "export const a = 1\n",
        "case 1: break\n",
        "(a)(b)(c);",
        "a => b\n",
        "let a\n",
        "if (a) /['\"`(]/.test(b);",
        "a = {}\n/['\"`(]/.test(b);",
        "a = (b) / c + '/' + `/`;\n",
        "while (a-->0) b++;",
        "a[0] / 2 + \"'\";",
        "if (1) a\n",
    ] {
        let source = part.repeat(1000);
        assert!(!is_deeper(source.as_bytes(), 40), "{part}");
    }
}

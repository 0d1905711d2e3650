//! Versions in their order, and what is none.

use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

#[test]
fn versions_stand_in_order() {
    let ordered = [
        "0.1_pre2",
        "0.1.0_alpha_pre2",
        "0.1.0_alpha",
        "0.1.0_alpha1",
        "0.1.0",
        "0.1.0-r0",
        "0.1.0-r1",
        "0.1.0_p",
        "0.1.0_p1",
        "0.2",
        "0.12.05",
        "0.12.5",
        "1.0_alpha",
        "1.0_alpha1",
        "1.0_beta",
        "1.0_pre",
        "1.0_rc1_alpha",
        "1.0_rc1",
        "1.0_rc1_git3",
        "1.0",
        "1.0-r0",
        "1.0~00ff",
        "1.0~ff-r0",
        "1.0_cvs1",
        "1.0_svn1",
        "1.0_git20200101",
        "1.0_hg3",
        "1.0_p1",
        "1.0a",
        "1.0b_rc1",
        "1.0b",
        "1.0b-r3",
        "1.0.02",
        "1.0.1",
        "8.2.001",
        "8.2.0010",
        "8.2.01",
        "8.2.1",
        "20240101",
        "99999999999999999999999",
    ];
    for pair in ordered.windows(2) {
        assert_eq!(version(pair[0]).cmp(&version(pair[1])), Ordering::Less, "{} < {}", pair[0], pair[1]);
        assert_eq!(version(pair[1]).cmp(&version(pair[0])), Ordering::Greater, "{} > {}", pair[1], pair[0]);
    }
}

#[test]
fn the_same_number_may_be_written_in_two_ways() {
    for (left, right) in [("1.0-r0", "1.0-r00"), ("01", "1"), ("1_p01", "1_p1")] {
        assert_eq!(version(left), version(right));
    }
}

#[test]
fn what_is_left_over_makes_no_version() {
    for wrong in [
        "",
        "a",
        "1.",
        "1..2",
        "1.0-r",
        "1.0-1",
        "1.0_",
        "1.0_foo",
        "1.0_alphabet",
        "0.99f7",
        "1ab",
        "1a.2",
        "1.0A",
        "1.0~",
        "1.0~xyz",
        "1.0-r1_p1",
        "1.0 ",
        " 1.0",
        "1.0é",
        "v1",
        "1.0-r1-r2",
        "-1",
        "1.0~ff_p1",
    ] {
        let error = Version::parse(wrong).unwrap_err();
        assert!(matches!(error, SyntaxError::Version { .. }), "{wrong}");
    }
}

#[test]
fn a_prefix_goes_on_at_a_border() {
    for (whole, prefix, begins) in [
        ("3.8.1", "3.8", true),
        ("3.8-r0", "3.8", true),
        ("3.8", "3.8", true),
        ("3.8_rc1", "3.8", true),
        ("3.80", "3.8", false),
        ("3.8", "3.8.1", false),
        ("3.9", "3.8", false),
        ("3.8a", "3.8", true),
        ("3.8-r1", "3.8-r1", true),
        ("3.8-r11", "3.8-r1", false),
    ] {
        assert_eq!(version(whole).begins_with(&version(prefix)), begins, "{whole} ~ {prefix}");
    }
}

#[test]
fn packages_may_have_odder_versions() {
    for odd in ["0.99f7-r1", "6.8.0p2-r4", "1.0+git", "20240101a_x"] {
        assert_eq!(Version::of_package(odd).unwrap().to_string(), odd);
    }
    for wrong in ["", "../1", "1/2", "1 2", "-1", "1é", "1\n"] {
        Version::of_package(wrong).unwrap_err();
    }
    let odd = |text| Version::of_package(text).unwrap();
    // `0.99f` is read of the first two, and then something is left over.
    assert!(odd("0.99") < odd("0.99f7") && odd("0.99f7") < odd("0.99f") && odd("0.99f8") < odd("0.99g"));
    assert_eq!(odd("0.99f7"), odd("0.99f8"));
}

#[test]
fn no_version_at_all_comes_before_every_version() {
    for version in ["0", "0_alpha", "0.0-r0"] {
        assert_eq!(compare("", version), Ordering::Less);
        assert_eq!(compare(version, ""), Ordering::Greater);
        assert_eq!(compare_prefix("", version), Ordering::Less);
    }
    assert_eq!(compare("", "x"), Ordering::Equal);
}

#[test]
fn numbers_have_64_bits() {
    for (less, greater) in [("18446744073709551616", "1"), ("1.0-r18446744073709551616", "1.0-r1")] {
        assert_eq!(version(less).cmp(&version(greater)), Ordering::Less);
    }
    assert!(version("18446744073709551615") > version("1"));
}

/// Any version that the grammar allows, and often one much like another.
fn any_version() -> impl Strategy<Value = String> {
    "[0-2]{1,2}(\\.[0-2]{1,3}){0,3}[ab]?(_(alpha|rc|git|p)[0-2]{0,2}){0,2}(~[0-2a]{1,2})?(-r[0-2]{1,2})?"
}

/// The same, with something left over now and then.
fn any_package_version() -> impl Strategy<Value = String> {
    (any_version(), "(x|7|-r|\\.)?").prop_map(|(version, rest)| version + &rest)
}

proptest! {
    #[test]
    fn the_order_is_total(
        one in any_package_version(), two in any_package_version(), three in any_package_version(),
    ) {
        let odd = |text: &str| Version::of_package(text).unwrap();
        let (one, two, three) = (odd(&one), odd(&two), odd(&three));
        prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
        prop_assert_eq!(one.cmp(&one), Ordering::Equal);
        if one <= two && two <= three {
            prop_assert!(one <= three);
        }
    }

    #[test]
    fn what_is_read_is_printed_again(text in any_version()) {
        prop_assert_eq!(version(&text).to_string(), text);
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC*", other in any_version()) {
        if let Ok(odd) = Version::parse(&text) {
            let _ = odd.cmp(&version(&other));
        }
    }
}

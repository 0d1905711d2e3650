//! Several recipes in one call.

use super::{arguments, json, program, recipe, repository};
use crate::support::names;

#[test]
fn several_recipes_go_into_one_folder() {
    let (program, repository) = (program(""), repository());
    program.write("other.toml", recipe("").replace("\"hello\"", "\"other\""));
    let mut words = arguments(&repository, &["-o", "images"]);
    words.insert(2, "other.toml".to_owned());
    program.run(&words).success();
    assert_eq!(
        names(&program.folder().join("images")),
        ["hello.spdx.json", "hello.tar", "other.spdx.json", "other.tar"]
    );
}

#[test]
fn what_recipes_of_one_call_share_changes_no_byte() {
    let (program, repository) = (program(""), repository());
    let files: Vec<String> = (0..5).map(|number| format!("{number}.toml")).collect();
    for (number, file) in files.iter().enumerate() {
        program.write(file, recipe("").replace("\"hello\"", &format!("\"hello-{number}\"")));
    }
    let mut words = arguments(&repository, &["-o", "images"]);
    words.splice(1..2, files.iter().cloned());
    program.run(&words).success();
    program.run(arguments(&repository, &["-o", "alone.tar", "--tag", "hello-3:latest"])).success();
    let read = |name: &str| fs_err::read(program.folder().join(name)).unwrap();
    assert_eq!(read("images/hello-3.tar"), read("alone.tar"));
    assert_ne!(read("images/hello-2.tar"), read("alone.tar"), "each has its own name");
}

#[test]
fn recipes_of_one_call_are_told_in_their_order_and_the_first_failure_ends_it() {
    let (program, repository) = (program(""), repository());
    let files: Vec<String> = (0..8).map(|number| format!("{number}.toml")).collect();
    for (number, file) in files.iter().enumerate() {
        program.write(file, recipe("").replace("\"hello\"", &format!("\"hello-{number}\"")));
    }
    let mut words = arguments(&repository, &["-o", "images", "--json"]);
    words.splice(1..2, files.iter().cloned());
    let document = json(program.run(&words).success().as_bytes());
    let told: Vec<&str> =
        document["images"].as_array().unwrap().iter().map(|image| image["recipe"].as_str().unwrap()).collect();
    assert_eq!(told, files);

    for number in [3, 6] {
        let text = recipe("").replace("\"hello\"", &format!("\"hello-{number}\""));
        program.write(&files[number], text.replace("app.txt", &format!("missing-{number}.txt")));
    }
    let message = program.run(&words).failure(1).to_owned();
    assert!(message.contains("missing-3.txt") && !message.contains("missing-6.txt"), "{message}");
}

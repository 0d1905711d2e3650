//! The recipe of an application as text, with comments that say what each part is for.

use std::fmt::Write as _;

use super::application::{Application, Copied, Language, StagePlan};

/// Writes the recipe.
pub(super) fn recipe(application: &Application) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, application);
    text
}

fn write(text: &mut String, application: &Application) -> std::fmt::Result {
    let runtime = match application.language {
        Language::Python => "python3",
        Language::Node => "nodejs",
    };
    let framework = application.framework.map(|name| format!(" with {name}")).unwrap_or_default();
    writeln!(
        text,
        "# An image for a {} application{framework}, from Alpine's own packages.",
        application.language.title()
    )?;
    writeln!(
        text,
        "# Build it with `apkbuild recipe apkbuild.toml`; `apkbuild plan apkbuild.toml` says what will be in it."
    )?;
    writeln!(text, "name = {}", quoted(&application.name))?;
    writeln!(text, "\n[alpine]")?;
    writeln!(text, "# release = \"v3.22\" # a release keeps the image from moving on to the next one")?;
    writeln!(text, "packages = [")?;
    writeln!(text, "  {},", quoted(runtime))?;
    writeln!(text, "  \"busybox\", # a shell to look around with; the application may do without")?;
    for (package, reason) in &application.packages {
        writeln!(text, "  {}, # {reason}", quoted(package))?;
    }
    writeln!(text, "]")?;
    for copied in &application.copies {
        copy(text, copied)?;
    }
    writeln!(text, "\n# [[directory]] # a folder that the application may write to")?;
    writeln!(text, "# path = \"/data\"")?;
    writeln!(text, "\n[config]")?;
    if let Some(note) = application.command_note {
        writeln!(text, "# {note}")?;
    }
    writeln!(text, "cmd = {}", list(&application.command))?;
    writeln!(text, "workdir = \"/app\"")?;
    if let Some(port) = application.port {
        writeln!(text, "expose = [{port}]")?;
    }
    let env: Vec<String> = application.env.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
    writeln!(text, "env = {{ {} }}", env.join(", "))?;
    writeln!(text, "stop-signal = \"SIGTERM\" # the application should end at once when it gets this")?;
    writeln!(text, "\n# [prune]")?;
    writeln!(text, "# profile = \"traced\" # leave out what the command cannot reach, too")?;
    writeln!(text, "\n# [size] # over this the build fails, and says what weighs most")?;
    writeln!(text, "# compressed = \"25MB\"")?;
    writeln!(text, "\n[check] # what `apkbuild check` holds the finished image against")?;
    writeln!(text, "user = \"appuser\"")?;
    writeln!(text, "startup = \"10s\"")?;
    if let Some(port) = application.port {
        let mark = if application.answers_root { "" } else { "# " };
        writeln!(text, "{mark}http = [{{ port = {port}, path = \"/\", status = 200 }}]")?;
    }
    if let Some(plan) = &application.stage {
        stage(text, plan)?;
    }
    Ok(())
}

fn copy(text: &mut String, copied: &Copied) -> std::fmt::Result {
    writeln!(text, "\n[[copy]] # {}", copied.comment)?;
    if let Some(from) = copied.from {
        writeln!(text, "from = {}", quoted(from))?;
    }
    writeln!(text, "source = {}", quoted(&copied.source))?;
    if !copied.exclude.is_empty() {
        writeln!(text, "exclude = {}", list(&copied.exclude))?;
    }
    writeln!(text, "target = {}", quoted(&copied.target))
}

fn stage(text: &mut String, plan: &StagePlan) -> std::fmt::Result {
    writeln!(text, "\n[stage.{}] # {}", plan.name, plan.comment)?;
    let packages: Vec<String> = plan.packages.iter().map(|package| (*package).to_owned()).collect();
    writeln!(text, "packages = {}", list(&packages))?;
    let exclude = if plan.exclude.is_empty() { String::new() } else { format!(", exclude = {}", list(&plan.exclude)) };
    let copies: Vec<String> = plan
        .sources
        .iter()
        .map(|source| format!("{{ source = {}, target = \"/src/\"{exclude} }}", quoted(source)))
        .collect();
    writeln!(text, "copy = [{}]", copies.join(", "))?;
    writeln!(text, "workdir = \"/src\"")?;
    let env: Vec<String> = plan.env.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
    writeln!(text, "env = {{ {} }}", env.join(", "))?;
    writeln!(text, "run = {}", list(&plan.run))?;
    writeln!(text, "network = \"host\" # the package index is asked")
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A TOML list of strings.
fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

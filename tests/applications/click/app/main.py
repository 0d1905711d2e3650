import click
from click.testing import CliRunner


@click.group()
@click.version_option("1.0", prog_name="application")
def cli():
    """An application."""


@cli.command()
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 5), help="How often.")
@click.option("--loud/--quiet", default=False)
@click.argument("name", envvar="NAME")
def greet(count, loud, name):
    """Greets NAME."""
    for _ in range(count):
        click.secho(f"Hello, {name.upper() if loud else name}!", fg="green")


runner = CliRunner()
result = runner.invoke(cli, ["greet", "--count", "2", "--loud", "you"])
assert result.output == "Hello, YOU!\n" * 2, result.output
result = runner.invoke(cli, ["greet", "--help"])
assert "Greets NAME." in result.output and "How often." in result.output, result.output
result = runner.invoke(cli, ["greet", "--count", "9", "you"])
assert result.exit_code == 2 and "is not in the range" in result.output, result.output
assert runner.invoke(cli, ["--version"]).output == "application, version 1.0\n"
result = runner.invoke(cli, env={"_CLI_COMPLETE": "bash_source"}, prog_name="cli")
cli(["greet", "ok"])

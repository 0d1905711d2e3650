"""Many recipes with the same packages in one call, beside one."""

import shutil

from .command import anonymous_of, seconds_of
from .rounds import ratio, rounds
from .subject import Subject


class Several(Subject):
    """Recipes that differ in their application only."""

    def __init__(self, like, count, folder):
        super().__init__(like.program, f"{count} recipes of the {like.name}", like.recipe, like.sources, like.keys, like.packages, folder)
        text = like.recipe.read_text()
        self.recipes = []
        for number in range(count):
            name = f"application-{number:02}"
            (folder / name).mkdir()
            (folder / name / "app.py").write_text(f'print("this is {name}")\n')
            recipe = folder / f"{name}.toml"
            recipe.write_text(text.replace('name = "hello-python"', f'name = "{name}"').replace("python/app.py", f"{name}/app.py"))
            self.recipes.append(recipe)
        self.output = folder / "images"

    def command(self, *options):
        words = super().command(*options)
        at = words.index(self.recipe)
        return words[:at] + self.recipes + words[at + 1 :]

    def forget(self):
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir()


def measure_several(results, like, folder, count, repetitions):
    several = Several(like, count, folder / f"several-{like.folder.name}")
    several.forget()
    seconds_of(several.command())
    if len(list(several.output.glob("*.tar"))) != count:
        raise AssertionError(f"{count} recipes gave {len(list(several.output.iterdir()))} files")
    seconds = rounds({"one recipe": like.cold, several.name: several.cold}, repetitions)
    several.forget()
    memory = {several.name: anonymous_of(several.command())}
    results.table(f"{several.name} in one call, first builds", seconds, "one recipe", memory)
    results.goal(f"{several.name} in one call, of one", ratio(seconds, several.name, "one recipe"), 4, " times")

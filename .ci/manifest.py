"""What Cargo.toml declares, one item a line.   manifest.py features | examples

features   every feature's name
examples   name, then the features to run it with: all vendors' and what it requires; none for quickstart, which must
           work as the README's first lines add the crate
"""
import json
import subprocess
import sys


def package():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["packages"][0]


def examples(manifest):
    for target in manifest["targets"]:
        if "example" not in target["kind"]:
            continue
        wanted = [] if target["name"] == "quickstart" else ["full"]
        wanted += target.get("required-features", [])
        yield target["name"] + " " + ",".join(wanted)


def main():
    manifest = package()
    if sys.argv[1] == "features":
        print(*sorted(manifest["features"]), sep="\n")
    else:
        lines = list(examples(manifest))
        if not any(line.startswith("quickstart ") for line in lines):
            sys.exit("there is no examples/quickstart.rs")
        print(*lines, sep="\n")


main()

"""Holds the dependency tree against its limits.   dependencies.py count | policy

count    how many crates a user compiles: the bare crate, and the crate with every vendor
policy   licences, bans and sources as deny.toml states them, over all features and all platforms
"""
import re
import subprocess
import sys
import tomllib

# What most applications take: templates, SMTP, and every vendor that needs no more than plain HTTP.
PLAIN = ("templates,smtp,dkim,sendgrid,mailgun,postmark,resend,brevo,gmail,twilio,vonage,meta,fcm,telegram,slack,"
         "discord,teams")
LIMITS = [("the bare crate", "", 40), ("templates, SMTP and the plain HTTP vendors", PLAIN, 150)]
# What these add to the plain vendors, at most.
MORE = [("apns", 10), ("ses,sns", 36), ("webpush", 45), ("sqlite", 50)]
# Unmaintained crates that one opt-in feature brings, each with the advisory deny.toml must exempt by name.
OPT_IN_ONLY = {"backoff": "RUSTSEC-2025-0012", "instant": "RUSTSEC-2024-0384"}


def tree(*arguments):
    """The crates of a dependency tree but for our own: {(name, version): (licence, source)}."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p}|{l}", *arguments]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    rows = [line.removesuffix(" (*)").split("|", 1) for line in lines if line.strip()]
    parsed = [(re.match(r"(\S+) v(\S+)(?: \(proc-macro\))?(.*)", crate), licence) for crate, licence in rows]
    own = parsed[0][0].group(1)
    return {(m[1], m[2]): (licence, m[3].strip()) for m, licence in parsed if m[1] != own}


def crates(features):
    return set(tree("--edges", "normal", "--no-default-features", *(["--features", features] if features else [])))


def count():
    plain = crates(PLAIN)
    counts = [(title, len(crates(features)), limit) for title, features, limit in LIMITS]
    counts += [("+ " + more, len(crates(f"{PLAIN},{more}") - plain), limit) for more, limit in MORE]
    for title, number, limit in counts:
        print(f"{number:4} crates of at most {limit}: {title}")
    return [f"too many crates for {title}: {number} > {limit}" for title, number, limit in counts if number > limit]


def allowed(expression, licences):
    """Whether an SPDX expression can be met with these licences ('/' is the old spelling of OR)."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = term()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = term() and met
        return met

    def term():
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens[:1] == ["WITH"]:
            tokens.pop(0)
            token += " WITH " + tokens.pop(0)
        return token in licences

    return bool(tokens) and alternatives() and not tokens


def banned(name, version, rules):
    for rule in rules:
        crate, _, wanted = rule["crate"].partition("@")
        if crate == name and (not wanted or int(version.split(".")[0]) >= int(wanted.removeprefix(">="))):
            yield f"{name} {version} is banned: {rule['reason']}"


def policy():
    with open("deny.toml", "rb") as file:
        rules = tomllib.load(file)
    everything = tree("--edges", "normal,build", "--all-features", "--target", "all")
    faults = []
    excepted = {rule["crate"]: rule["allow"] for rule in rules["licenses"].get("exceptions", [])}
    for (name, version), (licence, source) in sorted(everything.items()):
        if not allowed(licence, rules["licenses"]["allow"] + excepted.get(name, [])):
            faults.append(f"{name} {version}: licence {licence or '(none)'!r} is not allowed")
        if source:
            faults.append(f"{name} {version} does not come from the registry: {source}")
        faults += banned(name, version, rules["bans"]["deny"])
    print(f"{len(everything)} crates, all features, all platforms: licences, bans and sources looked at")
    return faults + unmaintained(rules)


def unmaintained(rules):
    exempt = {rule["id"] for rule in rules["advisories"]["ignore"]}
    usual = {name for name, _ in tree("--edges", "normal,build", "--features", "full,testing", "--target", "all")}
    faults = [f"{crate} has {advisory}, which deny.toml does not exempt" for crate, advisory in OPT_IN_ONLY.items() if advisory not in exempt]
    faults += [f"{crate} ({OPT_IN_ONLY[crate]}) is there without feature `backoff`" for crate in sorted(usual & OPT_IN_ONLY.keys())]
    print("advisories: NOT looked up, the advisory database is no registry and cannot be reached from CI;")
    print("  known and exempt by name: " + ", ".join(sorted(exempt)) + "; elsewhere run: cargo deny check advisories")
    return faults


faults = {"count": count, "policy": policy}[sys.argv[1]]()
sys.exit("\n".join(faults) or 0)

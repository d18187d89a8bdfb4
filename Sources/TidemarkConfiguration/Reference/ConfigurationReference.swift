/// The page that documents every setting, written from the schema so that it cannot lag behind.
package enum ConfigurationReference {
  /// What `ops/configuration.md` holds, with one newline at its end.
  package static func markdown() -> String {
    var lines = [introduction]
    for section in ConfigurationSchema.sections {
      lines += ["## \(section.name.isEmpty ? "Top level" : section.name)", "", section.documentation, ""]
      for key in section.keys { lines += paragraph(key) }
    }
    lines.append(otherLanes)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func paragraph(_ key: ConfigurationKey) -> [String] {
    var facts = [key.kind.title]
    facts.append(key.defaultText.map { "default `\($0)`" } ?? "unset by default")
    if key.isReloadable { facts.append("reloadable") }
    if key.isTunable { facts.append("tunable") }
    if key.isSecret { facts.append("secret") }
    var lines = ["### `\(key.path)`", "", "`\(key.environmentName)` · \(facts.joined(separator: " · "))", "", key.documentation]
    if key.status == .reserved { lines.append("Reserved: read and validated, not acted on by this release.") }
    return lines + [""]
  }

  private static let introduction = """
    # Settings

    Written from the program's own schema by `tidemark check --reference > ops/configuration.md`; change the schema, not this page.

    **Where they come from**, the later over the earlier:

    1. the defaults below;
    2. one YAML file: `--config FILE`, else `TIDEMARK_CONFIG`, else `./tidemark.yaml`, else `/etc/tidemark.yaml`, else none;
    3. the environment: the name under each setting. With `_FILE` behind the name, the variable names a file that holds the value; a
       newline at its end is left out. Both at once are an error. An empty variable counts as not given. Lists are written with commas.
       An unknown `TIDEMARK_` variable is an error, apart from `TIDEMARK_TEST_*` and those that Kubernetes sets for Services;
    4. flags, `--set batch.max_entries=1000` for any setting. Passwords never come from flags, which every user of the machine can read;
    5. `tidemark tune`, kept in PostgreSQL, for the settings marked tunable.

    In the file, `batch.max_entries` is written `batch: { max_entries: 5000 }` or over two lines. Unknown names, wrong types and
    combinations that cannot work are errors, all of them reported at once with line and column, before anything is connected.
    Relative paths count from the working directory.

    **How they are written.** A duration is a number and `ms`, `s`, `m`, `h` or `d`, also together, the larger first: `1h30m`. A size is a
    number and `B`, `KiB`, `MiB`, `GiB` or `TiB`; without a unit it counts bytes.

    **When they change.** Settings marked reloadable are taken from the file on SIGHUP; an invalid file keeps what runs and says so. All
    others need a restart: a reload that finds one changed names it and keeps the old value.

    """

  private static let otherLanes = """
    ## Other lanes

    Each item of `lanes` makes streams of Redis into lanes beside the built-in ones:

    ```yaml
    lanes:
      - streams: "orders:*:events"
        start: oldest
    ```

    | key | |
    |---|---|
    | `streams` | required: the name of a stream, or a pattern in Redis' glob syntax: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\\x` |
    | `start` | where reading begins: `oldest` (the default), `newest`, or behind an entry's id such as `1795389463124-98` |

    Patterns that could match the same name, or a stream of Tidemark's own, are refused. `start` is for the streams that
    exist when the item first takes effect in the installation: the worker logs how many entries it skips (`lanes.in_effect`), and they are part
    of the lane's `baseline`. A stream that appears later, even while no worker runs, is read from its first entry.

    Taking over from a consumer group (`start: group:NAME`) and routes of one's own (`expires`, `trim`, `unmatched`, `json`, `envelope`,
    `routes`) are not in this release and are refused.
    """
}

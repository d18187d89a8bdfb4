/// The page that documents every setting. It is generated from the schema, so that it can't fall behind.
package enum ConfigurationReference {
  /// Returns the content of `ops/configuration.md`, with one newline at its end.
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
    if key.status == .reserved { lines.append("Reserved: this release reads and validates the setting but ignores it.") }
    return lines + [""]
  }

  private static let introduction = """
    # Settings

    Generated from the program's schema by `tidemark check --reference > ops/configuration.md`; change the schema, not this page.

    **Sources.** Settings come from these sources; a later source overrides an earlier one:

    1. the defaults below;
    2. one YAML file: `--config FILE`, else `TIDEMARK_CONFIG`, else `./tidemark.yaml`, else `/etc/tidemark.yaml`, else none;
    3. the environment: the name under each setting. With `_FILE` appended to the name, the variable names a file that holds the value; a
       newline at the file's end is removed. Setting both variables is an error. An empty variable counts as unset. Lists are written with
       commas. An unknown `TIDEMARK_` variable is an error, except `TIDEMARK_TEST_*` and the variables that Kubernetes sets for Services;
    4. flags: `--set batch.max_entries=1000` for any setting. Passwords are refused from flags, which every user of the machine can read;
    5. `tidemark tune`, stored in PostgreSQL, for the settings marked tunable.

    In the file, `batch.max_entries` is written `batch: { max_entries: 5000 }` or over two lines. Unknown names, wrong types and
    invalid combinations are errors. All of them are reported at once, with line and column, before any connection is made.
    Relative paths are relative to the working directory.

    **Format.** A duration is a number and `ms`, `s`, `m`, `h` or `d`; several may be combined, the larger first: `1h30m`. A size is a
    number and `B`, `KiB`, `MiB`, `GiB` or `TiB`; a number without a unit counts bytes.

    **Changes.** On SIGHUP a worker reads the file again and applies the settings marked reloadable; if the file is invalid, the worker logs
    that and keeps its configuration. All other settings require a restart: a reload names those that have changed in the log and in
    `tidemark status`, keeps their old values, and sets `config_reload_success` to 0 until everything that was read is in force.

    """

  private static let otherLanes = """
    ## Other lanes

    Each item of `lanes` adds streams of Redis as lanes beside the built-in ones:

    ```yaml
    lanes:
      - streams: "orders:*:events"
        start: oldest
    ```

    | key | |
    |---|---|
    | `streams` | required: the name of a stream, or a pattern in Redis' glob syntax: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\\x` |
    | `start` | the position where reading begins: `oldest` (the default), `newest`, or an entry id such as `1795389463124-98`, after which it begins |

    Patterns that could match the same name, or one of Tidemark's own streams, are refused. `start` applies to the streams that
    exist when the item first takes effect in the installation: the worker logs the number of entries that it skips (`lanes.in_effect`),
    and they are part of the lane's `baseline`. A stream that appears later, even while no worker runs, is read from its first entry.

    This release refuses the takeover from a consumer group (`start: group:NAME`) and custom routes (`expires`, `trim`, `unmatched`, `json`,
    `envelope`, `routes`).
    """
}

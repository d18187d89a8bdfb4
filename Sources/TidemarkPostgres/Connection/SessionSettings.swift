/// The settings that every session of Tidemark pins: what text means, what time it is, how transactions are isolated, what a commit is worth,
/// and when the server gives up.
///
/// A role, a database, the server's configuration, the URL and the environment may set each of them otherwise. A session's own SET wins over
/// all of these, also over what somebody changes while the session lasts. They are sent as SET and not as `options` of the startup
/// packet, which PgBouncer refuses.
enum SessionSettings {
  /// Settings that every supported server has and every role may set, with the values that the statements and the result parsers rely on.
  static let pinned: [(name: String, value: String)] = [
    // Text: how statements are read, and how values come back.
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("bytea_output", "hex"),
    ("array_nulls", "on"),
    ("extra_float_digits", "1"),
    ("transform_null_equals", "off"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    // No name resolves to what another user made in `public`.
    ("search_path", "pg_catalog"),
    ("row_security", "on"),
    // Time. With YMD a date such as 01/02/2026 is refused instead of guessed.
    ("timezone", "UTC"),
    ("timezone_abbreviations", "Default"),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    // Isolation: every statement of a commit sees what was committed before it.
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    // An error ends a statement, not the session, and only real errors are errors.
    ("exit_on_error", "off"),
    ("plpgsql.extra_errors", "none"),
    ("client_min_messages", "notice"),
    // Connections are permanent, so an idle one is no fault.
    ("idle_session_timeout", "0"),
    // Where sequential scans are disabled, the plan that reads a table of one row looks expensive enough to be compiled, for 20 ms each time that
    // it runs: as long as hundreds of commits.
    ("jit", "off"),
  ]

  /// The settings of a session that plans each statement once, see ``PostgresConfiguration/keepsPlans``.
  static let keptPlans: [(name: String, value: String)] = [
    ("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"),
  ]

  /// The statements that set up a session.
  static func script(_ configuration: PostgresConfiguration) -> String {
    let limits: [(name: String, value: String)] = [
      ("lock_timeout", "\(configuration.lockTimeout.milliseconds)"),
      ("statement_timeout", "\(configuration.statementTimeout.milliseconds)"),
      ("idle_in_transaction_session_timeout", "\(configuration.idleInTransactionTimeout.milliseconds)"),
    ]
    let all = limits + pinned + keepalives(configuration.options) + (configuration.keepsPlans ? keptPlans : [])
    let sets = all.map { "set \($0.name) = '\($0.value)';" }
    return (sets + [memory, durability, writability, whereKnown, messages]).joined(separator: "\n")
  }

  /// The way in which the server finds a client that is gone: as the client finds the server. A backend whose client vanished keeps its row
  /// locks until then, with the system's default for two hours.
  private static func keepalives(_ options: [String: String]) -> [(name: String, value: String)] {
    let isOn = options["keepalives"] != "0"
    let names = [
      ("tcp_keepalives_idle", "keepalives_idle"), ("tcp_keepalives_interval", "keepalives_interval"),
      ("tcp_keepalives_count", "keepalives_count"), ("tcp_user_timeout", "tcp_user_timeout"),
    ]
    return names.map { name, option in
      let isWanted = isOn || name == "tcp_user_timeout"
      return (name, isWanted ? options[option].flatMap { Int($0) }.map { String(max(0, $0)) } ?? "0" : "0")
    }
  }

  /// PostgreSQL's own default at least. With less even what reads a view of the catalogs spills to temporary files, which somebody may have
  /// forbidden (temp_file_limit).
  private static let memory = """
    select set_config('work_mem', '4MB', false) where pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('4MB');
    """

  /// `synchronous_commit = off` lets a crash of the server lose what was reported as durable. Every other value stays as it is, and is pinned.
  private static let durability = """
    select set_config('synchronous_commit', case setting when 'off' then 'on' else setting end, false)
      from pg_settings where name = 'synchronous_commit';
    """

  /// A role or a database that makes transactions read-only by default is overruled, for the session exists in order to write. A server that
  /// does so by its configuration means it: its disk is full, or it is not the primary any more.
  private static let writability = """
    select set_config('default_transaction_read_only', 'off', false)
      from pg_settings where name = 'default_transaction_read_only' and source not in ('default', 'configuration file', 'command line');
    """

  /// Settings of newer servers, at their defaults.
  private static let whereKnown = """
    select set_config(name, '', false) from pg_settings where name = 'restrict_nonsystem_relation_kind';
    select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout';
    """

  /// Only a superuser may choose the language of messages. Nothing here reads their words; SQLSTATE decides.
  private static let messages = """
    select set_config(name, 'C', false) from pg_settings where name = 'lc_messages' and current_setting('is_superuser') = 'on';
    """

  /// Lets a server notice in the middle of a statement that its client is gone. Some systems have no way to do so and refuse it.
  static let clientCheck = "set client_connection_check_interval = '10s'"

  /// Lets triggers and constraints fire. Only a superuser, or a role with the privilege, may set it.
  static let triggers = "set session_replication_role = origin"
}

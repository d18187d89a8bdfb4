import ArgumentParser
import TidemarkAdmin
import TidemarkPostgres
import TidemarkRedis

struct Migrate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Brings the schema up to date, claims the prefix in Redis and installs the function library there.",
    discussion: "May be run again and on several machines at once: an advisory lock lets one run at a time.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print the SQL that would run, and where the function library would be installed; changes nothing.")
  var dryRun = false

  @Flag(
    name: .long,
    help: """
      Make this prefix on this Redis and this schema one installation, whatever they belonged to before. Stop all workers first: marks \
      and trims of another installation's workers are refused afterwards.
      """)
  var adopt = false

  @Flag(
    name: .long,
    help: """
      Create three roles without a login, or bring them up to date: one with the rights of workers and operators, \
      one that only reads, and one that may forget, which is granted beside the first. Run it again after each update.
      """)
  var roles = false

  @Option(name: .long, help: "The name of the role of workers, with --roles. Default: the schema's name and _worker.")
  var workerRole: String?

  @Option(name: .long, help: "The name of the role that only reads, with --roles. Default: the schema's name and _reader.")
  var readerRole: String?

  @Option(name: .long, help: "The name of the role that may forget, with --roles. Default: the schema's name and _eraser.")
  var eraserRole: String?

  func validate() throws {
    for (name, value) in [("--worker-role", workerRole), ("--reader-role", readerRole), ("--eraser-role", eraserRole)] {
      guard let value else { continue }
      guard roles else { throw ValidationError("\(name): requires --roles") }
      try Self.validate(role: value, name)
    }
    guard workerRole == nil || workerRole != readerRole else { throw ValidationError("--reader-role: must differ from --worker-role") }
    guard eraserRole == nil || ![workerRole, readerRole].contains(eraserRole) else {
      throw ValidationError("--eraser-role: must differ from --worker-role and --reader-role")
    }
    guard !(adopt && dryRun) else { throw ValidationError("--adopt: can't be combined with --dry-run, which changes nothing") }
  }

  /// Validates a name for CREATE ROLE, which the server would truncate if it were longer.
  private static func validate(role name: String, _ option: String) throws {
    guard (1...63).contains(name.utf8.count), !name.utf8.contains(0) else { throw ValidationError("\(option): is not 1 to 63 bytes long") }
    guard name != "public", name != "none", !name.hasPrefix("pg_") else {
      throw ValidationError("\(option): PostgreSQL reserves the name \(name)")
    }
  }

  func run() async throws {
    let composition = try Composition(try options.load())
    do {
      let groups = try self.groups(composition)
      if dryRun {
        let pending = try await composition.installation.dryRun()
        for migration in pending { Console.print("-- migration \(migration.name)\n\(migration.sql)") }
        if pending.isEmpty { Console.note("the schema \(composition.schema) is up to date") }
        try await functions("would be installed", composition) { try await $0.dryRunOfFunctions() }
        if let groups { try Self.print(try await composition.installation.dryRun(groups), groups) }
        return
      }
      if let groups { try await composition.installation.admit(groups) }
      let applied = try await composition.installation.migrate(isAdopting: adopt)
      for name in applied { Console.note("applied migration \(name)") }
      Console.note("the schema \(composition.schema) is up to date")
      try await functions("was installed", composition) { try await $0.installFunctions() }
      if let groups {
        for statement in try await composition.installation.setUp(groups) { Console.note("\(statement);") }
        Self.note(groups)
      }
    } catch let error as Finding {
      throw CommandFailure.found(error.description)
    } catch let error as MigrationError {
      throw CommandFailure.found("postgres.schema: \(error.description)")
    } catch let error as PostgresError {
      throw CommandFailure.found("postgres: \(error.description)")
    }
  }

  /// Installs the function library, or finds out where it would be installed, and says so. A user without the right to functions is no
  /// failure, because replication needs none.
  private func functions(
    _ verb: String, _ composition: Composition, _ body: (Installation) async throws -> [String]
  ) async throws {
    let library = "the function library \(composition.functions.library.name), version \(FunctionLibrary.version),"
    do {
      let servers = try await body(composition.installation)
      Console.note(servers.isEmpty ? "\(library) is up to date" : "\(library) \(verb) on \(servers.joined(separator: ", "))")
    } catch let finding as Finding where finding.severity == .warning {
      Console.note(finding.description)
    }
  }

  /// Returns the roles to set up; nil without --roles.
  private func groups(_ composition: Composition) throws -> [GroupRole]? {
    guard roles else { return nil }
    let groups = try SchemaRoles.all(
      schema: composition.schema, destinations: composition.routes.destinations, workerName: workerRole, readerName: readerRole,
      eraserName: eraserRole)
    for group in groups where group.name.utf8.count > 63 {
      throw CommandFailure.wrong(
        "postgres.roles: the name \(group.name) is longer than 63 bytes; give --worker-role, --reader-role and --eraser-role")
    }
    return groups
  }

  private static func print(_ statements: [String], _ groups: [GroupRole]) throws {
    for statement in statements { Console.print("\(statement);") }
    if statements.isEmpty { note(groups) }
  }

  private static func note(_ groups: [GroupRole]) {
    let names = groups.map { (try? PostgresIdentifier.quoted($0.name)) ?? $0.name }
    Console.note(
      "the roles \(names.joined(separator: " and ")) are up to date; grant their rights to a login role with: "
        + "GRANT \(names[0]) TO your_login;")
  }
}

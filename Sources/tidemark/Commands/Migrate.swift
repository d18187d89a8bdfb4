import ArgumentParser
import TidemarkAdmin
import TidemarkPostgres

struct Migrate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Brings the schema up to date and claims the prefix in Redis.",
    discussion: "May be run again and on several machines at once: an advisory lock lets one run at a time.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print the SQL that would run; changes nothing.")
  var dryRun = false

  @Flag(
    name: .long,
    help: """
      Make this prefix on this Redis and this schema one installation, whatever they belonged to before. Stop all workers first: marks \
      and trims of another installation's workers are refused afterwards.
      """)
  var adopt = false

  func validate() throws {
    guard !(adopt && dryRun) else { throw ValidationError("--adopt: can't be combined with --dry-run, which changes nothing") }
  }

  func run() async throws {
    let composition = try Composition(try options.load())
    do {
      if dryRun {
        let pending = try await composition.installation.dryRun()
        for migration in pending { Console.print("-- migration \(migration.name)\n\(migration.sql)") }
        if pending.isEmpty { Console.note("the schema \(composition.schema) is up to date") }
        return
      }
      let applied = try await composition.installation.migrate(isAdopting: adopt)
      for name in applied { Console.note("applied migration \(name)") }
      Console.note("the schema \(composition.schema) is up to date")
    } catch let error as Finding {
      throw CommandFailure.found(error.description)
    } catch let error as MigrationError {
      throw CommandFailure.found("postgres.schema: \(error.description)")
    } catch let error as PostgresError {
      throw CommandFailure.found("postgres: \(error.description)")
    }
  }
}

import Testing
import TidemarkTestKit

struct FaultCommandTests {
  @Test(arguments: [
    ("clear", FaultCommand.clear), ("delay 250", .delay(.milliseconds(250))), ("segments 7", .segments(7)), ("swallow", .swallow),
    ("refuse", .refuse), ("reset", .reset), ("truncate up 0", .truncate(.up, 0)), ("lose down COMMIT", .lose(.down, "COMMIT")),
    ("hold up two words ", .hold(.up, "two words ")), ("go", .go), ("connections", .connections),
  ])
  func aLineIsRead(line: String, command: FaultCommand) throws {
    #expect(try FaultCommand(line: line) == command)
  }

  @Test(arguments: [
    "", "nothing", "clear now", "delay", "delay soon", "delay -1", "delay 99999999999999999999", "truncate 5", "truncate left 5",
    "lose down", "lose down ", "lose sideways COMMIT", "hold up \u{e4}", "delay 1 2",
  ])
  func aLineThatIsNoCommandSaysWhy(line: String) {
    #expect(throws: FaultCommand.Unreadable.self) { try FaultCommand(line: line) }
  }
}

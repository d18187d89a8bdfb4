import Testing

@testable import TidemarkCore

@Suite struct LaneLifeTests {
  private static let halt = LaneLife.Halt(reason: "full", hint: nil, until: epoch)
  private static let unread = LaneLife.Halt(reason: "no right", hint: nil, until: epoch, isOfReading: true)
  private static let all: [LaneLife] = [
    .serving, .halted(halt), .closing(.replaced), .closing(.unconfigured), .closingHalted(.replaced, halt),
    .closingHalted(.unconfigured, halt),
  ]

  @Test func `every transition of a lane's life`() {
    for life in Self.all {
      var halted = life
      #expect(halted.halt(Self.halt) && halted.halt == Self.halt && halted.closing == life.closing)
      var unread = life
      // A closing lane is not read any more.
      #expect(unread.halt(Self.unread) == (life.closing == nil))
      #expect(unread == (life.closing == nil ? .halted(Self.unread) : life))
      var resumed = life
      resumed.resume()
      #expect(resumed.halt == nil && resumed.closing == life.closing)
      var retried = life
      retried.endBackoff(at: epoch.advanced(by: .seconds(1)))
      #expect(retried.halt?.until == life.halt.map { _ in epoch.advanced(by: .seconds(1)) } && retried.closing == life.closing)
      for reason in [LaneLife.Closing.replaced, .unconfigured] {
        var closed = life
        // A stream that was replaced stays the reason: what was read of it can't be read again.
        #expect(closed.close(reason) == (life.closing != .replaced))
        #expect(closed == (life.closing == .replaced ? life : .closing(reason)))
      }
    }
  }
}

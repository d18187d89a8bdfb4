import Foundation
import Testing

@testable import TidemarkAdmin

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct SweepChartTests {
  private static func chart(_ sizes: [Int]) throws -> String {
    let points = sizes.map { size in
      SweepResult.Point(
        maxEntries: size, changesPerSecond: min(Double(size) * 40, 50_000),
        lag: LagSummary(count: 1, p50Microseconds: 600, p90Microseconds: 900, p99Microseconds: 4_000, maxMicroseconds: 9_000))
    }
    return SweepChart(try #require(SweepResult(rate: 2_000, points: points))).render()
  }

  @Test func thePictureIsWellFormedAndNamesItsAxesTheirUnitsAndTheKnee() throws {
    let svg = try Self.chart([100, 500, 1_000, 2_000, 5_000, 10_000, 20_000])
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    #expect(svg.contains("batch.max_entries, entries"))
    #expect(svg.contains("changes per second"))
    #expect(svg.contains("milliseconds"))
    #expect(svg.contains(">knee: 2,000<"))
    #expect(svg.contains("prefers-color-scheme: dark"))
    for size in ["100", "500", "1,000", "2,000", "5,000", "10,000", "20,000"] { #expect(svg.contains(">\(size)</text>")) }
  }

  @Test(arguments: [[5_000], [1, 1_000_000], [1_000, 1_001, 1_002]]) func unusualSizesStayWithinThePicture(sizes: [Int]) throws {
    let svg = try Self.chart(sizes)
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    for match in svg.matches(of: /cx="([^"]*)" cy="([^"]*)"/) {
      #expect((96...690).contains(try #require(Double(match.1))))
      #expect((80...510).contains(try #require(Double(match.2))))
    }
  }

  @Test func aLinearAxisEndsAtARoundNumberAboveTheLargestValue() {
    #expect(ChartScale.linear(upTo: 47_400, from: 0, to: 1).ticks == [0, 10_000, 20_000, 30_000, 40_000, 50_000])
    #expect(ChartScale.linear(upTo: 50_000, from: 100, to: 0).position(of: 50_000) == 0)
    #expect(ChartScale.linear(upTo: 0, from: 0, to: 1).ticks.count > 1)
  }

  @Test func aLogarithmicAxisHasTicksAtOneTwoAndFive() {
    let scale = ChartScale.logarithmic([0.6, 14], from: 0, to: 100)
    #expect(scale.ticks.map { NumberText.decimal($0, 1) } == ["0.5", "1.0", "2.0", "5.0", "10.0", "20.0"])
    #expect(scale.position(of: 0.5) == 0)
    #expect(abs(scale.position(of: 20) - 100) < 1e-9)
    // Equal values still get space on the axis.
    #expect(ChartScale.logarithmic([2, 2], from: 0, to: 1).ticks.count > 1)
  }
}

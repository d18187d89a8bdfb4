/// Formats numbers for people.
enum NumberText {
  /// Returns a whole number in groups of three digits.
  static func grouped(_ value: Double) -> String {
    var digits = String(Int64(value.rounded()))
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return ([digits] + groups).joined(separator: ",")
  }

  static func grouped(_ value: Int) -> String { grouped(Double(value)) }

  /// Returns a number with a fixed number of decimals; negative values count as 0.
  static func decimal(_ value: Double, _ places: Int) -> String {
    let scale = (0..<places).reduce(Int64(1)) { scale, _ in scale * 10 }
    let (whole, part) = Int64((value * Double(scale)).rounded()).quotientAndRemainder(dividingBy: scale)
    return places == 0 ? "\(whole)" : "\(whole).\(String(part + scale).dropFirst())"
  }

  static func milliseconds(_ microseconds: Double) -> String { "\(decimal(microseconds / 1000, 2)) ms" }
}

/// A text as one word of a shell's command line, for hints that a person pastes.
package enum ShellWord {
  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-".unicodeScalars)

  /// As it is where no shell would read anything into it; else in single quotes, within which nothing is special. A text that a terminal
  /// would obey is written byte by byte in the `$'...'` of bash, zsh and ksh, so that what is pasted is what was meant.
  package static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    if !scalars.isEmpty, scalars.first != "-", scalars.allSatisfy(plain.contains) { return text }
    guard scalars.contains(where: ForeignText.isUnsafe) else { return "'" + text.replacing("'", with: #"'\''"#) + "'" }
    var word = "$'"
    for scalar in scalars {
      if scalar == "'" || scalar == "\\" {
        word += "\\\(scalar)"
      } else if ForeignText.isUnsafe(scalar) {
        // Three octal digits: a hexadecimal escape would swallow the digits behind it.
        for byte in String(scalar).utf8 {
          let digits = String(byte, radix: 8)
          word += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }
      } else {
        word.unicodeScalars.append(scalar)
      }
    }
    return word + "'"
  }
}

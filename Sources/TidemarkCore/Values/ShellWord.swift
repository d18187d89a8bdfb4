/// Writes a text as one word of a shell's command line, for hints that a person pastes.
package enum ShellWord {
  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-".unicodeScalars)

  /// Returns the text unchanged where it holds no character that is special to a shell; otherwise in single quotes, within which no
  /// character is special. A text with characters that a terminal would execute is written byte by byte in the `$'...'` of bash, zsh and
  /// ksh, so that the pasted word is the intended one.
  package static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    if !scalars.isEmpty, scalars.first != "-", scalars.allSatisfy(plain.contains) { return text }
    guard scalars.contains(where: ForeignText.isUnsafe) else { return "'" + text.replacing("'", with: #"'\''"#) + "'" }
    var word = "$'"
    for scalar in scalars {
      if scalar == "'" || scalar == "\\" {
        word += "\\\(scalar)"
      } else if ForeignText.isUnsafe(scalar) {
        // Three octal digits are used because a hexadecimal escape would include the digits behind it.
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

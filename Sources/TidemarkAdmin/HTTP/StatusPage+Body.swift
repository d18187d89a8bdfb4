extension StatusPage {
  static let body = """
    <p>page</p>
    """
  static let style = ""
  static let script = ""
}

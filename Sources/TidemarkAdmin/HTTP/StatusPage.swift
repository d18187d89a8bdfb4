/// The status page: one HTML document whose parts are Swift strings; it loads nothing from other hosts.
enum StatusPage {
  /// Returns the page. It contains no data: its script requests `/api/status`, with the token if one is required.
  static func answer(status: Int) -> AdminRoutes.Answer {
    var generator = SystemRandomNumberGenerator()
    // Each answer has a new nonce. Only elements with the nonce may run, so nothing that is smuggled in through data can.
    let nonce = (0..<2).map { _ in String(generator.next() as UInt64, radix: 16) }.joined()
    return AdminRoutes.Answer(
      status: status, contentType: "text/html; charset=utf-8", body: html(nonce: nonce),
      headers: [
        (
          "Content-Security-Policy",
          "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
      ])
  }

  static func html(nonce: String) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Tidemark</title>
    <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230b7285' \
    d='M0 9c3-4 5 4 8 0s5 4 8 0v7H0z'/%3E%3C/svg%3E">
    <style nonce="\(nonce)">\(style)</style>
    </head>
    <body>
    \(body)
    <script nonce="\(nonce)">\(script)</script>
    </body>
    </html>

    """
  }
}

import ArgumentParser

/// HOST:PORT of a command line.
struct Endpoint: ExpressibleByArgument {
  var host: String
  var port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), colon != argument.startIndex,
      let port = UInt16(argument[argument.index(after: colon)...])
    else { return nil }
    self.init(host: String(argument[..<colon]), port: Int(port))
  }

  var defaultValueDescription: String { "\(host):\(port)" }
}

internal import CLibPQ

// The codes of postgres_ext.h; Swift does not import character macros.
private enum Field: Int32 {
  case severity = 86  // V, never translated
  case sqlstate = 67  // C
  case message = 77  // M
  case detail = 68  // D
  case hint = 72  // H
  case context = 87  // W
  case schema = 115  // s
  case table = 116  // t
  case column = 99  // c
  case constraint = 110  // n
}

extension PostgresError {
  /// What a failed result says. The caller still clears it.
  init(_ result: OpaquePointer) {
    func field(_ field: Field) -> String? {
      PQresultErrorField(result, field.rawValue).map { String(cString: $0) }
    }
    let sqlstate = field(.sqlstate)
    let message = field(.message) ?? Self.line(String(cString: PQresultErrorMessage(result)))
    self.init(sqlstate.map { .server($0) } ?? .connection, message, sqlstate: sqlstate)
    detail = field(.detail)
    hint = field(.hint)
    context = field(.context)
    schema = field(.schema)
    table = field(.table)
    column = field(.column)
    constraint = field(.constraint)
  }

  /// libpq's account of a failed attempt to connect, written with `PQERRORS_VERBOSE`: `FATAL:  28P01: password ...`.
  init(connecting text: String) {
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
    let line = lines.map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: " ")
    // Every SQLSTATE has a digit; FATAL has five letters too.
    let state = line.matches(of: #/:\s+((?=[A-Z]*[0-9])[0-9A-Z]{5}): /#).last
    if state == nil, let fix = LibraryFault.fix(for: line) {
      self.init(.misuse, line, hint: fix)
    } else {
      self.init(.connection, line, sqlstate: state.map { String($0.1) })
    }
  }

  /// Whether the server closes the connection after this.
  static func endsConnection(_ result: OpaquePointer) -> Bool {
    guard let severity = PQresultErrorField(result, Field.severity.rawValue) else { return false }
    return ["FATAL", "PANIC"].contains(String(cString: severity))
  }

  /// libpq's messages end in a line feed and may have several lines.
  static func line(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}

extension PostgresResult {
  /// Copies everything out. The caller still clears the result.
  init(_ result: OpaquePointer) {
    let rows = Int(PQntuples(result))
    let width = Int(PQnfields(result))
    var bytes: [UInt8] = []
    var cells: [Cell] = []
    cells.reserveCapacity(rows * width)
    for row in 0..<Int32(rows) {
      for column in 0..<Int32(width) {
        guard PQgetisnull(result, row, column) == 0, let value = PQgetvalue(result, row, column) else {
          cells.append(Cell(start: 0, length: -1))
          continue
        }
        let length = Int(PQgetlength(result, row, column))
        cells.append(Cell(start: bytes.count, length: length))
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: value, count: length))
      }
    }
    self.init(
      columns: (0..<Int32(width)).map { PQfname(result, $0).map { String(cString: $0) } ?? "" },
      rowCount: rows,
      affectedRows: PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0,
      commandTag: PQcmdStatus(result).map { String(cString: $0) } ?? "",
      bytes: bytes, cells: cells)
  }
}

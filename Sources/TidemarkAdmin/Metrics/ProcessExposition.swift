internal import Glibc

/// Renders the kernel's figures for this process, as every Prometheus client does; unknown figures are absent.
enum ProcessExposition {
  static func render() -> String {
    var text = ExpositionText()
    func family(_ definition: MetricDefinition, _ value: Double?) {
      text.family(definition, value.map { [.init($0)] } ?? [])
    }
    let (stat, ticks) = (statFields(), Double(sysconf(Int32(_SC_CLK_TCK))))
    func field(_ number: Int) -> Double? { stat.count > number - 3 ? Double(stat[number - 3]) : nil }
    // The numbers are those of the fields in proc(5).
    family(MetricCatalog.processCPU, field(14).flatMap { user in field(15).map { (user + $0) / ticks } })
    family(MetricCatalog.processVirtualMemory, field(23))
    family(MetricCatalog.processMemory, field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
    family(MetricCatalog.processStart, field(22).flatMap { start in bootTime().map { $0 + start / ticks } })
    family(MetricCatalog.processOpenFiles, openFiles())
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      family(MetricCatalog.processMaxOpenFiles, Double(limit.rlim_cur))
    }
    return text.text
  }

  /// Returns the fields after the program's name, which may contain any character; the first is number 3.
  private static func statFields() -> [Substring] {
    guard let text = contents(of: "/proc/self/stat"), let end = text.lastIndex(of: ")") else { return [] }
    return text[text.index(after: end)...].split { $0 == " " || $0 == "\n" }
  }

  private static func bootTime() -> Double? {
    contents(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
  }

  private static func openFiles() -> Double? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // The count includes `.`, `..` and the folder's own descriptor.
    return Double(max(0, count - 3))
  }

  private static func contents(of path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = read(file, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}

import Foundation

/// Makes the folders in which a server keeps its data, closed to other users.
///
/// Folders are made rather than found. In a folder that others can write, such as /var/tmp, another user can put a folder or a symbolic
/// link where this process will look for its own; a `chown` by its path then gives away what the link leads to. Hence every component
/// is opened by a descriptor that follows no link, is judged by its owner and mode, and is changed through that descriptor alone.
/// Nothing is ever written as root inside the folder of another user: that user writes there itself.
package enum PrivateFolder {
  /// Linux' O_PATH, which Swift does not see: a folder that may be passed but not read can be opened with it, too.
  private static let pathOnly: Int32 = 0o10_000_000

  /// Makes sure that the folder at `path`, which must be absolute, is there, belongs to `user` (nil is this process' own user), and is
  /// closed to others. What is missing above it is made; other users may pass through that if `user` is another one.
  ///
  /// - Returns: the folder's path without symbolic links.
  /// - Throws: ``ServerError`` in one line if somebody else could change what lies there, or already did.
  package static func make(_ path: String, for user: ServerUser? = nil) throws -> String {
    let (parent, name) = try walk(to: path, mode: user == nil ? 0o700 : 0o755)
    let place = parent.path(of: name)
    let made = try makeMissing(name, in: parent)
    let folder = try open(name, in: parent, O_RDONLY)
    let owner = user?.userID ?? geteuid()
    if folder.status.st_uid != owner {
      // A start that was interrupted leaves a folder that is made and not yet given. Files of another owner would not be readable.
      guard let user, folder.status.st_uid == geteuid(), try made || folder.isEmpty() else {
        throw refusal(place, "belongs to the user \(userName(folder.status.st_uid)), not to \(userName(owner))")
      }
      guard fchown(folder.descriptor, user.userID, user.groupID) == 0 else { throw failure("give", place) }
    } else if folder.isWritableByOthers {
      throw refusal(place, "can be written by other users")
    }
    guard fchmod(folder.descriptor, 0o700) == 0 else { throw failure("close", place) }
    return place
  }

  /// Walks from the root to the folder that holds the last component of `path`, and makes with `mode` what is missing.
  private static func walk(to path: String, mode: mode_t) throws -> (parent: OpenFolder, name: String) {
    guard path.hasPrefix("/") else { throw ServerError(.misuse, "\(path) is not an absolute path") }
    var components = components(of: path)[...]
    var folder = try root()
    var links = 0
    while let name = components.popFirst() {
      if let target = try link(name, in: folder) {
        links += 1
        guard links <= 40 else { throw ServerError(.resource, "\(path) leads through too many symbolic links") }
        components = (Self.components(of: target.hasPrefix("/") ? target : folder.path(of: target)) + components)[...]
        folder = try root()
        continue
      }
      if components.isEmpty { return (folder, name) }
      let made = try makeMissing(name, in: folder)
      let next = try open(name, in: folder, made ? O_RDONLY : pathOnly)
      try requireTrusted(next)
      // The process' file mode mask may have taken away what the server's user needs to pass.
      if made, fchmod(next.descriptor, mode) != 0 { throw failure("open up", next.path) }
      folder = next
    }
    throw ServerError(.misuse, "\(path) names no folder of its own")
  }

  private static func root() throws -> OpenFolder {
    try OpenFolder(Foundation.open("/", pathOnly | O_DIRECTORY | O_CLOEXEC), path: "")
  }

  /// Without `.`, and with `..` resolved by name.
  private static func components(of path: String) -> [String] {
    path.split(separator: "/").reduce(into: []) { result, name in
      if name == ".." { _ = result.popLast() } else if name != "." { result.append(String(name)) }
    }
  }

  /// A folder on the way must belong to root or to this user, and others may write to it only if they cannot rename what is not theirs.
  private static func requireTrusted(_ folder: OpenFolder) throws {
    guard [0, geteuid()].contains(folder.status.st_uid) else {
      throw refusal(folder.path, "belongs to the user \(userName(folder.status.st_uid)), who could replace what is made in it")
    }
    guard !folder.isWritableByOthers || folder.isSticky else {
      throw refusal(folder.path, "can be written by other users, who could replace what is made in it")
    }
  }

  /// The target of a symbolic link that may be followed; nil if `name` is no link. Only where no other user can make links are they
  /// followed.
  private static func link(_ name: String, in folder: OpenFolder) throws -> String? {
    var status = stat()
    guard fstatat(folder.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK else { return nil }
    let place = folder.path(of: name)
    guard !folder.isWritableByOthers else {
      throw refusal(place, "is a symbolic link in a folder that other users can write")
    }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlinkat(folder.descriptor, name, &buffer, buffer.count)
    guard length > 0 else { throw failure("read the symbolic link", place) }
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Whether it was missing, and was made closed to others.
  private static func makeMissing(_ name: String, in parent: OpenFolder) throws -> Bool {
    if mkdirat(parent.descriptor, name, 0o700) == 0 { return true }
    guard errno == EEXIST else { throw failure("make", parent.path(of: name)) }
    return false
  }

  private static func open(_ name: String, in parent: OpenFolder, _ access: Int32) throws -> OpenFolder {
    let place = parent.path(of: name)
    let descriptor = openat(parent.descriptor, name, access | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOTDIR || errno == ELOOP { throw refusal(place, "is no folder") }
      throw failure("open", place)
    }
    return try OpenFolder(descriptor, path: place)
  }

  private static func refusal(_ place: String, _ why: String) -> ServerError {
    ServerError(.resource, "\(place) \(why): remove it or correct its owner and mode, or choose another folder")
  }

  private static func failure(_ verb: String, _ place: String) -> ServerError {
    ServerError(.resource, "cannot \(verb) the folder \(place): \(String(cString: strerror(errno)))")
  }

  private static func userName(_ id: uid_t) -> String {
    guard let entry = getpwuid(id)?.pointee else { return "\(id)" }
    return String(cString: entry.pw_name)
  }
}

/// A folder held open by a descriptor, which is closed with the last reference, and what it was when it was opened.
private final class OpenFolder {
  let descriptor: Int32
  /// Without symbolic links; empty for the root.
  let path: String
  let status: stat

  init(_ descriptor: Int32, path: String) throws {
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let why = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw ServerError(.resource, "cannot open the folder \(path.isEmpty ? "/" : path): \(why)")
    }
    self.descriptor = descriptor
    self.path = path
    self.status = status
  }

  deinit { close(descriptor) }

  func path(of name: String) -> String { "\(path)/\(name)" }

  /// Whether a user other than root and this one may write: everybody, or a group that is neither root's nor this user's own.
  var isWritableByOthers: Bool {
    if status.st_mode & S_IWOTH != 0 { return true }
    return status.st_mode & S_IWGRP != 0 && ![0, getegid()].contains(status.st_gid)
  }

  /// Whether only the owner of what lies in it may rename or remove that.
  var isSticky: Bool { status.st_mode & S_ISVTX != 0 }

  func isEmpty() throws -> Bool {
    guard let listing = fdopendir(dup(descriptor)) else {
      throw ServerError(.resource, "cannot list the folder \(path): \(String(cString: strerror(errno)))")
    }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != "." && name != ".." { return false }
    }
    return true
  }
}

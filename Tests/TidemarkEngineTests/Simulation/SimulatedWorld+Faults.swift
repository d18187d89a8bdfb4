@testable import TidemarkCore

extension SimulatedWorld {
  /// Producers write and everything fails, for `duration`.
  func live(for duration: Duration) async {
    let end = time.now.advanced(by: duration)
    for _ in 0..<(1 + time.seeded.below(3)) { startWorker() }
    await withTaskGroup { group in
      group.addTask { [self] in
        while time.now < end {
          try? await time.sleep(for: .milliseconds(time.seeded.below(400)))
          write(time.seeded.one(of: lanes))
        }
      }
      group.addTask { [self] in
        while time.now < end {
          try? await time.sleep(for: .milliseconds(time.seeded.below(1_500)))
          fault()
        }
      }
    }
  }

  private func fault() {
    switch time.seeded.below(100) {
    case 0..<30: streamFault(time.seeded.one(of: lanes))
    case 30..<55: serverFault(time.seeded.one(of: redis.servers))
    case 55..<75: ledgerFault()
    default: workerFault()
    }
  }

  private func streamFault(_ lane: String) {
    let length = redis.stream(lane)?.entries.count ?? 0
    switch time.seeded.below(10) {
    case 0..<4:
      note("MAXLEN", lane)
      redis.change(lane) { $0?.trim(toLength: time.seeded.below(6)) }
      removed[lane, default: 0] += length - (redis.stream(lane)?.entries.count ?? 0)
    case 4..<8:
      guard length > 0 else { return }
      note("XDEL", lane)
      redis.change(lane) { $0?.delete(at: time.seeded.below(length)) }
      removed[lane, default: 0] += 1
    default:
      note("DEL", lane)
      destroyed(lane, leaving: 0)
      redis.change(lane) { $0 = nil }
    }
  }

  private func serverFault(_ server: LaneServer) {
    switch time.seeded.below(100) {
    case 0..<25: redis.replicate(server)
    case 25..<45:
      let isAway = redis.nodes[server]?.isAway ?? false
      note(isAway ? "Redis back" : "Redis away", server.name)
      redis.setAway(server, !isAway)
    case 45..<60:
      note("connections cut", server.name)
      redis.endConnections(of: server)
    case 60..<75:
      note("failover", server.name)
      for lane in lanes where redis.place(of: lane) == server {
        let (stream, replica) = (redis.stream(lane), redis.nodes[server]?.replica.streams[lane])
        if stream?.identity != replica?.identity, replica != nil { markAmbiguous(lane) }
        destroyed(lane, leaving: replica?.added ?? 0)
      }
      redis.failOver(server)
    case 75..<80:
      note("FLUSHALL", server.name)
      for lane in lanes where redis.place(of: lane) == server { destroyed(lane, leaving: 0) }
      redis.flush(server)
    default:
      guard redis.servers.count > 1 else { return }
      let lane = time.seeded.one(of: lanes)
      note("slot moved", "\(lane) to \(server.name)")
      redis.move(lane, to: server)
    }
  }

  private func ledgerFault() {
    switch time.seeded.below(100) {
    case 0..<35:
      note(ledger.isAway ? "ledger back" : "ledger away")
      ledger.setAway(!ledger.isAway)
    case 35..<55: ledger.replicate()
    case 55..<65: ledger.copyDisk()
    case 65..<72:
      note("restored disk")
      hasLedgerLostCommits = true
      ledger.restoreDisk()
    case 72..<79:
      note("promote")
      hasLedgerLostCommits = true
      ledger.promote()
    default:
      let lane = time.seeded.one(of: lanes)
      if !ledger.isAway, let value = ledger.replay(lane) { note("replayed", "\(value) of \(lane)") }
    }
  }

  private func workerFault() {
    workers.removeAll { $0.hasEnded }
    guard !workers.isEmpty, workers.count < 4 || time.seeded.chance(70) else { return startWorker() }
    let worker = time.seeded.one(of: workers)
    switch time.seeded.below(100) {
    case 0..<30:
      note("kill", worker.name)
      worker.kill()
      workers.removeAll { $0 === worker }
      if workers.isEmpty { startWorker() }
    case 30..<65:
      guard !worker.machine.isFrozen else {
        note("thaw", worker.name)
        return worker.machine.thaw()
      }
      note("freeze", worker.name)
      worker.machine.freeze()
    case 65..<80:
      note("stop", worker.name)
      worker.machine.thaw()
      worker.stop()
    default: if workers.count < 4 { startWorker() }
    }
  }

  /// A stream is taken away, or set back to when it had added so many.
  private func destroyed(_ lane: String, leaving added: UInt64) {
    guard let stream = redis.stream(lane) else {
      if added > 0 { markAmbiguous(lane) }
      return
    }
    guard stream.added > added else { return }
    destroyed.insert(lane)
    guard let record = ledger.content.lanes[lane], record.ordinal > added, record.isMirrored, added == 0 else { return markAmbiguous(lane) }
    tellable.insert(lane)
  }

  private func markAmbiguous(_ lane: String) {
    destroyed.insert(lane)
    tellable.remove(lane)
    ambiguous.insert(lane)
  }

  /// Ends all faults.
  func heal() {
    isHealing = true
    note("healing")
    ledger.setAway(false)
    for server in redis.servers { redis.setAway(server, false) }
    workers.removeAll { $0.hasEnded }
    for worker in workers {
      worker.network.lostAnswers = 0
      worker.machine.thaw()
    }
    startWorker()
  }
}

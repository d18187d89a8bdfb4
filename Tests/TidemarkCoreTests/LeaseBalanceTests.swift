import Testing

@testable import TidemarkCore

extension LeaseTable {
  /// Creates shards from 0, each given by its holder: `A`, or `a` where the shard has no lanes; a free one is `.`, or `,` without lanes.
  init(_ shards: String, _ workers: [LiveWorker]) {
    self.init(
      shards: shards.enumerated().map { number, holder in
        let isFree = holder == "." || holder == ","
        return ShardLease(
          shard: number, holder: isFree ? nil : holder.uppercased(), isFree: isFree, hasLanes: holder.isUppercase || holder == ".")
      }, workers: workers)
  }

  init(_ shards: String, _ able: String, unable: String = "") {
    self.init(
      shards, able.map { LiveWorker(name: String($0), canServe: true) } + unable.map { LiveWorker(name: String($0), canServe: false) })
  }
}

@Suite struct LeaseBalanceTests {
  @Test func `a single worker acquires all shards`() {
    let balance = LeaseBalance(of: "A", in: LeaseTable("..,,", "A"))
    #expect(Set(balance.wanted) == [0, 1, 2, 3])
    #expect(balance.surplus == [])
  }

  @Test func `no worker acquires more than an equal part, and workers that decide together choose different shards`() {
    let table = LeaseTable(".......", "ABC")
    #expect(["A", "B", "C"].map { LeaseBalance(of: $0, in: table).wanted } == [[0, 1, 2], [3, 4], [5, 6]])
  }

  @Test func `a worker with more than an equal part hands over the highest numbers`() {
    #expect(LeaseBalance(of: "A", in: LeaseTable("AAAAA", "AB")).surplus == [3, 4])
    #expect(LeaseBalance(of: "B", in: LeaseTable("AAAAA", "AB")) == LeaseBalance(of: "A", in: LeaseTable("", "A")))
  }

  @Test func `when a worker has too few shards, only as many workers hand one over as shards are missing`() {
    let table = LeaseTable("AAABBBCCCD", "ABCD")
    #expect(["A", "B", "C", "D"].map { LeaseBalance(of: $0, in: table).surplus } == [[], [], [8], []])
    #expect(LeaseBalance(of: "D", in: LeaseTable("AAABBBCC.D", "ABCD")).wanted == [8])
    // No worker with enough shards acquires it instead.
    for name in ["A", "B", "C"] { #expect(LeaseBalance(of: name, in: LeaseTable("AAABBBCC.D", "ABCD")).wanted == []) }
  }

  @Test func `shards with lanes and shards without are balanced separately`() {
    let table = LeaseTable("AAAAbbbb", "AB")
    #expect(LeaseBalance(of: "A", in: table).surplus == [2, 3])
    #expect(LeaseBalance(of: "B", in: table).surplus == [6, 7])
  }

  @Test func `a worker that can't serve hands over all shards as soon as another can serve`() {
    let table = LeaseTable("AAaa.,", "B", unable: "A")
    #expect(LeaseBalance(of: "A", in: table).surplus == [0, 1, 2, 3])
    #expect(LeaseBalance(of: "A", in: table).wanted == [])
    #expect(LeaseBalance(of: "B", in: table).wanted == [4, 5])
  }

  @Test func `where no worker can serve, none hands over its shards for that`() {
    let balance = LeaseBalance(of: "A", in: LeaseTable("AAB.", "", unable: "AB"))
    #expect(balance.surplus == [])
    #expect(LeaseBalance(of: "B", in: LeaseTable("AAB.", "", unable: "AB")).wanted == [3])
  }

  @Test func `a lease that ran out is free, whichever worker held it`() {
    var table = LeaseTable("AA", "AB")
    table.shards[1].isFree = true
    #expect(LeaseBalance(of: "A", in: table).surplus == [])
    #expect(LeaseBalance(of: "B", in: table).wanted == [1])
  }

  @Test func `shards that a departed worker still holds are not balanced`() {
    // G's lease has not run out.
    let table = LeaseTable("AAGBB.", "AB")
    #expect(LeaseBalance(of: "A", in: table).wanted == [5])
    #expect(LeaseBalance(of: "A", in: table).surplus == [])
  }

  @Test func `a worker that has not renewed over its present connection does nothing`() {
    let balance = LeaseBalance(of: "X", in: LeaseTable("XXA.", "A"))
    #expect(balance.wanted == [])
    #expect(balance.surplus == [])
  }
}

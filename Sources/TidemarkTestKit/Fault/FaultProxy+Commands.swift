/// The commands by name, for tests; ``FaultCommand`` says what each does.
extension FaultProxy {
  package func clear() { apply(.clear) }
  package func delay(_ duration: Duration) { apply(.delay(duration)) }
  package func segments(_ bytes: Int) { apply(.segments(bytes)) }
  package func swallow() { apply(.swallow) }
  package func refuse() { apply(.refuse) }
  package func reset() { apply(.reset) }
  package func truncate(_ direction: FaultDirection, _ bytes: Int) { apply(.truncate(direction, bytes)) }
  package func lose(_ direction: FaultDirection, _ text: String) { apply(.lose(direction, text)) }
  package func hold(_ direction: FaultDirection, _ text: String) { apply(.hold(direction, text)) }
  package func go() { apply(.go) }
  /// How many clients are connected now.
  package var connections: Int { apply(.connections) }
}

extension StatusPage {
  static let style = #"""
    :root {
      color-scheme: light dark;
      --ground: light-dark(#f6f8f9, #0f1417); --card: light-dark(#fff, #171e22); --line: light-dark(#d9e0e4, #2b363c);
      --text: light-dark(#16211f, #e4ebee); --muted: light-dark(#566369, #98a6ad); --accent: light-dark(#0b7285, #4fc3d8);
      --good: light-dark(#1c6b3a, #6fd695); --good-ground: light-dark(#dff3e6, #14301f);
      --wait: light-dark(#7a4d00, #f3c063); --wait-ground: light-dark(#fdeccb, #382a0c);
      --bad: light-dark(#a11d1d, #ff9c94); --bad-ground: light-dark(#fce1df, #401a19);
      --rest: light-dark(#48565c, #a9b6bc); --rest-ground: light-dark(#e8edef, #232d32);
    }
    * { box-sizing: border-box }
    [hidden] { display: none !important }
    body { margin: 0 auto; max-width: 100rem; padding: 0 1.5rem 2rem; background: var(--ground); color: var(--text);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
    header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding: 1.1rem 0 1rem }
    header p { margin: 0 }
    h1 { display: flex; align-items: center; gap: .6rem; margin: 0; font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em }
    h1 svg { fill: none; stroke: var(--accent); stroke-width: 2.6; stroke-linecap: round }
    h2 { margin: 0; font-size: 1rem; font-weight: 650 }
    #age { margin-left: auto; font-variant-numeric: tabular-nums }
    section, details, form { margin-top: 1.4rem }
    .muted { color: var(--muted) } .bad { color: var(--bad) }
    .pill { display: inline-block; padding: .1rem .65rem; border-radius: 1rem; font-weight: 600; white-space: nowrap;
      color: var(--rest); background: var(--rest-ground) }
    td .pill { font-size: .82rem; padding: 0 .55rem }
    .pill.good { color: var(--good); background: var(--good-ground) }
    .pill.wait { color: var(--wait); background: var(--wait-ground) }
    .pill.bad { color: var(--bad); background: var(--bad-ground) }
    #banner { padding: .7rem 1rem; border-radius: .5rem; color: var(--bad); background: var(--bad-ground); border: 1px solid;
      white-space: pre-line }
    .stale #content { opacity: .55 }
    dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 0 }
    dl div { padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
    dt { color: var(--muted); font-size: .85rem }
    dd { margin: 0; font-size: 1.45rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; letter-spacing: -.01em }
    dd small { display: block; color: var(--muted); font-size: .82rem; font-weight: 400; letter-spacing: 0; min-height: 1.3em }
    .bar { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .5rem }
    .filter { color: var(--muted) }
    input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
      padding: .25rem .6rem }
    button { font: inherit; font-weight: 600; color: light-dark(#fff, #06282e); background: var(--accent); border: 0; border-radius: .4rem;
      padding: .35rem .9rem; cursor: pointer }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
    .scroll { overflow-x: auto; margin-top: .6rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
    table { width: 100%; border-collapse: collapse; font-size: .9rem }
    th, td { padding: .42rem .6rem; text-align: left; white-space: nowrap; vertical-align: baseline }
    th:first-child { padding-left: .9rem }
    th { color: var(--muted); font-weight: 500; font-size: .82rem }
    thead th { border-bottom: 1px solid var(--line) }
    tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--line) 60%, transparent) }
    tbody th { color: var(--text); font-weight: 500; font-size: .9rem }
    .n { text-align: right; font-variant-numeric: tabular-nums }
    td.cut { max-width: 11rem; overflow: hidden; text-overflow: ellipsis }
    td.wrap { white-space: normal; overflow-wrap: anywhere }
    code, .id { font: .86em ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", monospace }
    #problems { margin: .6rem 0 0; padding: 0; list-style: none; display: grid; gap: .5rem }
    #problems li { padding: .55rem .9rem; border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: .4rem;
      background: var(--card); overflow-wrap: anywhere }
    #problems strong { display: block; font-weight: 600 }
    #problems span { color: var(--muted) }
    summary { cursor: pointer; font-weight: 650 }
    form { max-width: 34rem; padding: 1.1rem 1.3rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
    form label { display: block; font-weight: 600 }
    form input { width: 100%; margin: .2rem 0 .8rem }
    footer { margin-top: 1.6rem; font-size: .85rem }
    a { color: var(--accent) }
    """#
}

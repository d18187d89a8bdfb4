extension StatusPage {
  static let body = #"""
    <header>
    <h1><svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true"><path d="M0 7c5-6 8 6 16 0s11 6 16 0"/><path d="M0 14c5-6 8 6 16 0s11 6 16 0"/></svg>Tidemark</h1>
    <p id="state" class="pill" role="status" aria-live="polite">Loading…</p>
    <p id="age" class="muted">&nbsp;</p>
    </header>
    <main>
    <div id="banner" role="alert" hidden></div>
    <form id="login" hidden>
    <h2>This page needs the token</h2>
    <p>It is the content of the file that <code>http.token_file</code> names. The browser keeps it until this tab is closed.</p>
    <label for="token">Token</label>
    <input id="token" type="password" autocomplete="off" spellcheck="false" required>
    <button>Show the status</button>
    <p id="refused" class="bad" role="alert"></p>
    </form>
    <div id="content" hidden>
    <section aria-label="Summary">
    <dl id="tiles"></dl>
    </section>
    <section id="trouble" aria-labelledby="trouble-title" hidden>
    <h2 id="trouble-title">Problems</h2>
    <ul id="problems"></ul>
    </section>
    <section aria-labelledby="lanes-title">
    <div class="bar"><h2 id="lanes-title">Lanes</h2><label class="filter">Filter <input id="filter" type="search" spellcheck="false"></label></div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="lanes-title">
    <table id="lanes">
    <thead><tr>
    <th scope="col">Lane</th><th scope="col">State</th><th scope="col" class="n">Lag</th><th scope="col" class="n">Oldest entry</th>
    <th scope="col" class="n">Read</th><th scope="col" class="n">Applied</th><th scope="col" class="n">Per second</th><th scope="col" class="n">Other outcomes</th>
    <th scope="col" class="n">Dead letters</th><th scope="col">Accounting</th><th scope="col">Durable up to</th><th scope="col">Owner</th>
    </tr></thead>
    <tbody></tbody>
    </table>
    </div>
    <p id="more" class="muted"></p>
    </section>
    <section aria-labelledby="workers-title">
    <h2 id="workers-title">Workers</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="workers-title">
    <table id="workers">
    <thead><tr>
    <th scope="col">Worker</th><th scope="col">Host</th><th scope="col" class="n">Pid</th><th scope="col">Version</th>
    <th scope="col" class="n">Shards</th><th scope="col" class="n">Lanes</th><th scope="col">Started</th><th scope="col">Seen</th>
    </tr></thead>
    <tbody></tbody>
    </table>
    </div>
    </section>
    <details>
    <summary>Settings</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="Settings">
    <table id="settings">
    <thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
    <tbody></tbody>
    </table>
    </div>
    </details>
    </div>
    <noscript><p class="bad">This page needs JavaScript, which is disabled in this browser. <code>tidemark status</code> shows the status in a terminal.</p></noscript>
    </main>
    <footer class="muted"><a href="/metrics">Metrics</a> · <a href="/readyz">Readiness</a> · a question mark means that a value is unknown</footer>
    """#
}

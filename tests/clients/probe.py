import sys, pathlib, tempfile, os, time
sys.path.insert(0, "tests"); sys.path.insert(0, "tests/clients")
from client_world import World, script
from matrix import CELLS, Client
from rig.certs import Authority
t = pathlib.Path(tempfile.mkdtemp(prefix="h6p"))
auth = Authority(t)
names = sys.argv[1].split(","); cells = sys.argv[2].split(",") if len(sys.argv) > 2 else list(CELLS)
with World(t, auth, Authority(t, "rogue-ca")) as w:
    for n in names:
        for c in cells:
            w.begin()
            s = time.time()
            ran = w.run(script(Client(n, n, "", ""), c), w.environment(c))
            d = w.decisions(1)
            codes = [(x["decision_id"], x.get("reason") or x.get("code") or x.get("verdict")) for x in d]
            vis = [i for i, _ in codes if i in ran.text]
            seen = w.seen()
            print(f"=== {n} {c} rc={ran.code} {time.time()-s:.1f}s visible={len(vis)}/{len(codes)} {codes} seen={[(x['method'],x['path'],x['length']) for x in seen]} conns={len({x['connection'] for x in seen})} decoy={len(w.decoy.connections)}")
            print("   ", ran.text[:int(os.environ.get('N','500'))].replace("\n", "\n    "))
    if os.environ.get("LOG"): print(w.exeat.log_text()[-3000:])

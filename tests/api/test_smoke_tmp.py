from tests.api.caller import Caller
def test_main(api: Caller) -> None:
    import time
    t=time.time()
    m = api.arrived()
    api.accept(m, 400_000, 100_000)
    api.give_back(m)
    api.treat(m, 150_000); api.treat(m, 250_000)
    api.facility(m, "completion")
    print(time.time()-t)
    import json
    print(json.dumps(api.did(api.get("org:generator", f"/manifests/{m}"),200), ensure_ascii=False, indent=1)[:6000])

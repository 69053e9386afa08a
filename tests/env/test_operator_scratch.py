import time
from tests.support.builders import template
from tests.support.apifaults import *

def test_term(git, kubectl, namespace, account, operators, proxy):
    for _ in range(2):
        t0=time.time(); op = operators(identity="x", through=proxy); print("start", time.time()-t0)
        e = op.terminate(30)
        print("ENDED", e)
        print(op.tail())
    op = operators(identity="x", through=proxy)
    from tests.support.waiting import eventually
    for code in (410,500):
        t0=time.time(); m=proxy.mark()
        print(code, proxy.inject_error(code, matching(resource="templates")))
        eventually(lambda: proxy.watches(matching(resource="templates")), 20, "watch")
        print("again after", time.time()-t0)
    proxy.before(matching(resource="templates",verb="list"), Answer(410), times=1)
    proxy.before(matching(resource="templates",verb="watch"), Answer(410), times=1)
    t0=time.time(); m=proxy.mark()
    proxy.end_watches()
    eventually(lambda: proxy.watches(matching(resource="templates")), 20, "watch")
    print("again after", time.time()-t0)
    print(proxy.trace(since=m))
    print(op.tail(100))
    assert 0

import time
from tests.support.builders import template
from tests.support.installation import OPERATOR_USER
from tests.support.apifaults import *

def test_a_push_updates_the_object(git, kubectl, namespace, account, operator):
    git.create_repository("infra", {"shop.yaml": b"apiVersion: v1.2\narguments: {REPLICAS: '2'}\n"})
    shop = template("shop").within(namespace).at(git.url_of("infra"), "shop.yaml", account=account)
    kubectl.apply(shop.build())
    kubectl.wait_condition("Template", "shop", namespace, "Ready", "True")

    git.commit("infra", {"shop.yaml": b"apiVersion: v1.2\narguments: {REPLICAS: '5'}\n"})

    def arrived(seen):
        return seen["spec"]["document"]["arguments"] == {"REPLICAS": "5"}

    kubectl.wait_for("Template", "shop", namespace, arrived, what="to hold the push")

def test_through_proxy(git, kubectl, namespace, account, operators, proxy, audit):
    git.create_repository("infra", {"shop.yaml": b"apiVersion: v1.2\narguments: {REPLICAS: '2'}\nspec: {kind: Workflow, spec: {type: sequential, steps: []}}\n"})
    t0=time.time(); op = operators(through=proxy); print("start", time.time()-t0)
    m = audit.mark()
    shop = template("shop").within(namespace).at(git.url_of("infra"), "shop.yaml", account=account)
    kubectl.apply(shop.build())
    kubectl.wait_condition("Template", "shop", namespace, "Ready", "True")
    print(proxy.trace()); print(audit.since(m).where(user=OPERATOR_USER).text())
    kubectl.kubectl_edit("Template","shop",namespace,'s/REPLICAS: "2"/REPLICAS: "9"/')
    from tests.support.waiting import eventually
    eventually(lambda: b"9" in git.show("infra","main","shop.yaml"), 10, "commit")
    print(git.diff("infra","main")); 
    print(op.terminate())
    assert 0

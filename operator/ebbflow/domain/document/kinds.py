"""The node kinds that a document may name.

A Northflank file is read unchanged, so its kinds are known names even where nothing on a plain
cluster corresponds to them; what a kind does is decided when it runs.
"""

from __future__ import annotations

WORKFLOWS = ("Workflow", "LoopWorkflow")

KINDS = frozenset(
    (
        *WORKFLOWS,
        # ours
        *("Manifest", "Namespace", "HTTP", "Delay", "Commit", "ReleaseFlow", "GitTrigger"),
        # Northflank's that mean something on a cluster
        *("Project", "DeploymentService", "CombinedService", "Job", "CronJob", "ManualJob"),
        *("Addon", "AddonBackup", "SecretGroup", "Volume", "Subdomain", "Build", "Release"),
        *("JobRun", "Action", "Condition", "Approval", "Message", "RunTemplate", "Template"),
        *("Pipeline", "PreviewBlueprint", "LoopData", "BuildSource", "BuildService"),
        *("ExternalAddon", "AddonImport", "SecretInheritance", "SubdomainPath", "ResourceTag"),
        *("WorkflowTemplate", "ReleaseStage", "RolloutStrategy", "OpenTofu", "OpenTofuDestroy"),
        # Northflank's own cloud objects
        *("BYOCCluster", "BYOCIntegration", "BYOCRegistry", "CustomPlan", "LoadBalancer"),
        *("EgressIp", "SSHIdentity", "CustomDockerCredentials", "WorkloadIdentity"),
        "LLMModelDeployment",
    )
)

/** Containers: requests from limits, ports, readiness probes. */
import type { Container, ContainerPort, Probe, ResourceRequirements } from "../../api/objects.js";
import type { Field } from "../field.js";
import { readResourceList, withDefaults } from "./metadata.js";

const PORT = { min: 1, max: 65_535 } as const;

export function readContainers(list: Field, hostNetwork: boolean): Container[] {
  const names = new Set<string>();
  return list.list().map((field) => {
    const container = readContainer(field, hostNetwork);
    if (container.name !== "" && names.has(container.name))
      field.at("name").problem("expected each container name once");
    names.add(container.name);
    return container;
  });
}

function readContainer(field: Field, hostNetwork: boolean): Container {
  const restart = field.at("restartPolicy");
  const readiness = field.at("readinessProbe");
  return {
    name: field.at("name").string(),
    image: field.at("image").stringOr(""),
    resources: readResources(field.at("resources")),
    ports: field
      .at("ports")
      .list()
      .map((port) => readPort(port, hostNetwork)),
    // Since 1.34 other values are allowed behind a feature gate; only Always makes a sidecar.
    ...(restart.stringOr("") === "Always" ? { restartPolicy: "Always" as const } : {}),
    ...(readiness.checkMapping() ? { readinessProbe: readProbe(readiness) } : {}),
  };
}

/** A missing request is the limit. */
function readResources(field: Field): ResourceRequirements {
  const limits = readResourceList(field.at("limits"));
  const requests = readResourceList(field.at("requests"));
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && request > limit) {
      field.at("requests").at(name).problem("expected a request that is at most its limit");
    }
  }
  return { requests: withDefaults(requests, limits), limits };
}

/** Protocol TCP; with the host's network every port is a host port. */
function readPort(field: Field, hostNetwork: boolean): ContainerPort {
  const containerPort = field.at("containerPort").integer(PORT);
  const hostPort = field.at("hostPort");
  const given = hostPort.value === 0 ? 0 : hostPort.integerOr(0, PORT);
  if (hostNetwork && given !== 0 && given !== containerPort) {
    hostPort.problem(`expected the container's port ${containerPort}, as with hostNetwork`);
  }
  return {
    containerPort,
    hostPort: hostNetwork && given === 0 ? containerPort : given,
    hostIP: field.at("hostIP").stringOr(""),
    protocol: field.at("protocol").oneOf(["TCP", "UDP", "SCTP"], "TCP"),
    name: field.at("name").stringOr(""),
  };
}

/** Every 10 s, ready at the first success, unready at the third failure. */
function readProbe(field: Field): Probe {
  return {
    initialDelaySeconds: field.at("initialDelaySeconds").integerOr(0, { min: 0 }),
    periodSeconds: positive(field.at("periodSeconds"), 10),
    successThreshold: positive(field.at("successThreshold"), 1),
    failureThreshold: positive(field.at("failureThreshold"), 3),
  };
}

/** Zero means "not given" to the API server. */
function positive(field: Field, fallback: number): number {
  return field.integerOr(fallback, { min: 0 }) || fallback;
}

import { z } from 'zod';

/**
 * What Kubernetes takes of the kinds that our templates use, of the fields that they use, written down from its API's definitions
 * (batch/v1 Job, core/v1 PodSpec; kubeflow.org/v2beta1 MPIJob). Unknown fields are refused, as a strict server refuses them.
 */
const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .max(63);
/** Quantities: 500m, 8, 16Gi. */
const quantity = z.string().regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/);
const metadata = z.strictObject({
  name,
  namespace: name.optional(),
  labels: z.record(z.string(), z.string()).optional(),
});
const amounts = z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() });

const container = z.strictObject({
  name,
  image: z.string().min(1),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().startsWith('/').optional(),
  env: z.array(z.strictObject({ name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), value: z.string() })).optional(),
  resources: z.strictObject({ requests: amounts.optional(), limits: amounts.optional() }).optional(),
  securityContext: z.strictObject({ runAsUser: z.int().nonnegative() }).optional(),
  volumeMounts: z.array(z.strictObject({ name, mountPath: z.string().startsWith('/') })).optional(),
});

const podSpec = z
  .strictObject({
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).optional(),
    terminationGracePeriodSeconds: z.int().nonnegative().optional(),
    containers: z.array(container).min(1),
    volumes: z.array(z.strictObject({ name, persistentVolumeClaim: z.strictObject({ claimName: name }) })).optional(),
  })
  .refine(
    ({ containers, volumes = [] }) =>
      containers.every(({ volumeMounts = [] }) =>
        volumeMounts.every((mount) => volumes.some((volume) => volume.name === mount.name)),
      ),
    'a mount of a volume that is not there',
  );

export const job = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata,
  spec: z
    .strictObject({
      completionMode: z.enum(['NonIndexed', 'Indexed']),
      completions: z.int().positive(),
      parallelism: z.int().positive(),
      backoffLimit: z.int().nonnegative().optional(),
      template: z.strictObject({ spec: podSpec }),
    })
    // A Job takes no other: "Only a RestartPolicy equal to Never or OnFailure is allowed".
    .refine(({ template }) => ['Never', 'OnFailure'].includes(template.spec.restartPolicy!), 'restartPolicy of a Job'),
});

const replica = z.strictObject({
  replicas: z.int().positive(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never', 'ExitCode']).optional(),
  template: z.strictObject({ spec: podSpec }),
});

export const mpiJob = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v2beta1'),
  kind: z.literal('MPIJob'),
  metadata,
  spec: z.strictObject({
    slotsPerWorker: z.int().positive(),
    sshAuthMountPath: z.string().startsWith('/'),
    mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']),
    runPolicy: z.strictObject({
      cleanPodPolicy: z.enum(['None', 'Running', 'All']),
      backoffLimit: z.int().nonnegative().optional(),
    }),
    mpiReplicaSpecs: z.strictObject({ Launcher: replica, Worker: replica }),
  }),
});

{{- define "tabi.labels" -}}
app.kubernetes.io/part-of: tabi
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Labels that select the pods of a part: (list . "gateway") */}}
{{- define "tabi.selector" -}}
app.kubernetes.io/name: tabi-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "tabi.image" -}}
{{- $i := .Values.image -}}
{{- if $i.tabiDigest }}{{ $i.tabi }}@{{ $i.tabiDigest }}{{ else }}{{ $i.tabi }}:{{ $i.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{- define "tabi.workerImage" -}}
{{- $i := .Values.image -}}
{{- if $i.workerDigest }}{{ $i.worker }}@{{ $i.workerDigest }}{{ else }}{{ $i.worker }}:{{ $i.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* What every pod is. */}}
{{- define "tabi.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false # variables that nothing reads
securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tabi.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* Spread over hosts and zones where there are several. */}}
{{- define "tabi.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "tabi.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{/* The variables of secrets: each names its file. (list . names) */}}
{{- define "tabi.secretEnv" -}}
{{- range $i, $name := index . 1 -}}
{{- if $i }}{{ "\n" }}{{ end -}}
- {name: {{ $name }}, value: "@/run/secrets/tabi/{{ $name }}"}
{{- end -}}
{{- end }}

{{/* Settings that gateway and worker share. */}}
{{- define "tabi.env" -}}
- {name: TABI_PUBLIC_URL, value: {{ required "publicURL is missing: where do customers reach the gateway?" .Values.publicURL | quote }}}
- {name: TEMPORAL_ADDRESS, value: {{ .Values.temporal.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }}}
{{- if .Values.temporal.tlsSecret }}
- {name: TEMPORAL_TLS, value: "true"}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /run/secrets/temporal/ca.crt}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /run/secrets/temporal/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /run/secrets/temporal/tls.key}
{{- end }}
{{- if .Values.temporal.apiKeySecret }}
- name: TEMPORAL_API_KEY # Temporal's client reads no file
  valueFrom: {secretKeyRef: {name: {{ .Values.temporal.apiKeySecret | quote }}, key: api-key}}
{{- end }}
{{- if .Values.migrate.enabled }}
- {name: TABI_NO_MIGRATE, value: "true"} # the Job has done it
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- define "tabi.mounts" -}}
- {name: secrets, mountPath: /run/secrets/tabi, readOnly: true}
{{- end }}

{{- define "tabi.processMounts" -}}
{{ include "tabi.mounts" . }}
- {name: scratch, mountPath: /tmp}
{{- if .Values.temporal.tlsSecret }}
- {name: temporal, mountPath: /run/secrets/temporal, readOnly: true}
{{- end }}
{{- end }}

{{/* (list . names) */}}
{{- define "tabi.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ (index . 0).Values.secret.name | quote }}
    defaultMode: 0440
    items:
      {{- range index . 1 }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{- define "tabi.processVolumes" -}}
{{ include "tabi.secretVolume" . }}
- name: scratch
  emptyDir: {sizeLimit: 64Mi}
{{- if (index . 0).Values.temporal.tlsSecret }}
- name: temporal
  secret: {secretName: {{ (index . 0).Values.temporal.tlsSecret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* Three probes of a named port: (list port scheme) */}}
{{- define "tabi.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

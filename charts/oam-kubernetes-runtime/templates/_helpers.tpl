{{- define "oam.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name, with the chart's unless it is part of it; short enough for a label. */ -}}
{{- define "oam.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "oam.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "oam.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "oam.webhookName" -}}
{{- printf "%s-webhook" (include "oam.fullname" . | trunc 55 | trimSuffix "-") -}}
{{- end -}}

{{- define "oam.selectorLabels" -}}
app.kubernetes.io/name: {{ include "oam.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "oam.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: oamkit
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "oam.labels" -}}
{{ include "oam.commonLabels" . }}
{{ include "oam.selectorLabels" . }}
{{- end -}}

{{- define "oam.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "oam.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /*
Labels and annotations of an object that is there for one of helm's hooks only: dict "at" . "hook" name "weight" number. Nothing that selects the
runtime's replicas may find a hook's Pod: neither the webhooks' Service, nor an affinity that keeps replicas apart.
*/ -}}
{{- define "oam.hook" -}}
labels:
  {{- include "oam.commonLabels" .at | nindent 2 }}
annotations:
  helm.sh/hook: {{ .hook }}
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- /* What all Pods of the chart have. */ -}}
{{- define "oam.podCommon" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* What all Pods of hooks have. Of the affinity only which nodes will do: replicas that must be apart may stand on all of these. */ -}}
{{- define "oam.podOfHook" -}}
{{- include "oam.podCommon" . -}}
{{- with .Values.affinity.nodeAffinity }}
affinity:
  nodeAffinity:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}

{{- /* What all containers of the chart have. */ -}}
{{- define "oam.containerCommon" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

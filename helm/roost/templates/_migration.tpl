{{/* The container that brings the schema up, from (list $ "name of the Secret with the database's secrets"). */}}
{{- define "roost.migration.container" -}}
{{- $ := first . -}}
{{- include "roost.containerBasics" $ }}
# a database that is just starting is waited for
args: [migrate, --wait, "60"]
env: {{- include "roost.database.environment" . | trim | nindent 2 }}
resources: {{- toYaml $.Values.migration.resources | nindent 2 }}
{{- if $.Values.database.caSecret.name }}
volumeMounts:
  - {name: database-ca, mountPath: /etc/roost/database-ca, readOnly: true}
{{- end }}
{{- end }}

{{/* Made anew before each run, with all that the Job needs: before an installation there is nothing else yet. */}}
{{- define "roost.migration.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

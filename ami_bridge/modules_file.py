"""modules.conf: the modules a call needs and no other. What isn't loaded can't be attacked, and needn't be started.

For ``asterisk_files`` only. Not among them, on purpose: app_system, func_shell, func_env, func_curl, func_db, pbx_spool,
res_http*, res_ari*, res_pjsip_messaging, res_pjsip_endpoint_identifier_anonymous.
"""

from __future__ import annotations

from ami_bridge.conf_text import file_text, section

# Without these there is no hotline: Asterisk must not start half.
REQUIRED = (
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",  # registered contacts outlive a restart
    "res_timing_timerfd",
    "res_musiconhold",
    "res_rtp_asterisk",
    "res_speech",  # res_agi is linked to it
    "res_agi",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_caller_id",
    "res_pjsip_authenticator_digest",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "chan_pjsip",
    "bridge_simple",
    "codec_alaw",
    "codec_ulaw",
    "format_wav",
    "func_callerid",
    "func_channel",
    "func_groupcount",  # how many fallback scripts run
    "func_logic",
    "func_strings",
    "func_timeout",
    "app_dial",
    "app_playback",
    "app_queue",
    "app_userevent",
    "app_verbose",
    "pbx_config",
)
# With these it is better.
WANTED = (
    "app_read",  # EXEC Read: several digits with a prompt that may be broken into
    "app_stack",
    "bridge_native_rtp",  # a talk costs less when nothing has to look at its audio
    "bridge_softmix",  # attended transfers
    "codec_a_mu",
    "format_pcm",
    "format_sln",
    "func_base64",  # the daemon reads hostile values by BASE64_ENCODE
    "res_pjsip_acl",
    "res_pjsip_dlg_options",
    "res_pjsip_dtmf_info",
    "res_pjsip_nat",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_pubsub",  # res_pjsip_refer is linked to it
    "res_pjsip_refer",  # agents transfer by their phone's own key
    "res_pjsip_rfc3326",  # the hang-up cause, both ways
)


def modules_conf() -> str:
    required = [("require", f"{name}.so") for name in REQUIRED]
    wanted = [("load", f"{name}.so") for name in WANTED]
    return file_text(section("modules", [("autoload", False), *required, *wanted]))
